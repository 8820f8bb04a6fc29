"""How far labels and verdicts agree, with intervals, and what a judge's word is then worth."""
