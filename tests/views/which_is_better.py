"""A panel of an outsider's own: which of two answers is better?"""

from functools import partial

from ipywidgets import HTML, HBox

from toolkit.jsonl import JsonlFile
from toolkit.traces import trace_html
from toolkit.views import Panel


class WhichIsBetter(Panel):
    def __init__(self, pairs, path):
        super().__init__({"left": "1", "right": "2", "undo": "U"}, hint="1 left, 2 right, U undo")
        self.pairs = pairs
        self.file = JsonlFile(path, dict)
        self.turn_page()

    def choices(self):
        return {choice["pair"]: choice["better"] for choice in self.file.records()}

    def draw(self, page):
        buttons = [self.undo_button(page)]
        for pair, traces in self.pairs.items():
            if not self.choices().get(pair):
                for side in ("left", "right"):
                    choose = partial(self.choose, pair, side)
                    buttons.append(page.button(side, side.title(), "check", "The better", choose))
                return [HBox([HTML(trace_html(trace)) for trace in traces]), HBox(buttons)]
        return [HTML("That was the last pair."), *buttons]

    def choose(self, pair, side):
        self.file.append({"pair": pair, "better": side})
        return f"Saved: the better of {pair} is {side or 'open again'}."

    def take_back(self):
        return self.choose([pair for pair, better in self.choices().items() if better][-1], "")
