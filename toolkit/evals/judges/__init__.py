"""What a model says of traces: a rubric, the judge that reads by it, classifiers without a language
model, and probes.
"""
