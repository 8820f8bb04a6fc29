"""What a collection of traces is about: `fit_topics` gives a `TopicMap`, a list to read and never a
rate.
"""

from toolkit.evals.topics.topics import Stability, TopicMap, fit_topics

__all__ = ["Stability", "TopicMap", "fit_topics"]
