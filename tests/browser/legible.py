"""What of a page cannot be read: pale text, words broken in the middle, what is clipped or too wide."""

from typing import Any

UNREADABLE = """\
root => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const mix = (top, under) =>
    under.map((part, n) => (top[n] * top[3] + part * (255 - top[3])) / 255);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const ground = element => {
    if (!element) return dark ? [21, 24, 28] : [255, 255, 255];
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 255 ? own.slice(0, 3) : mix(own, ground(element.parentElement));
  };
  const light = colour => {
    const [r, g, b] = colour.map(part =>
      (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faults = [];
  let texts = 0;
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    const words = walk.currentNode.textContent.trim().slice(0, 60);
    if (!words || element.closest("style, script, title, svg, option, :disabled, .disabled")) continue;
    if (!element.checkVisibility()) continue;
    texts += 1;
    const style = getComputedStyle(element);
    const under = ground(element);
    const [one, other] = [light(mix(rgba(style.color), under)), light(under)];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${words}`);
    if (style.wordBreak === "break-all") faults.push(`broken in mid-word: ${words}`);
  }
  for (const button of root.querySelectorAll("button"))
    if (button.scrollWidth > button.clientWidth + 1) faults.push(`clipped: ${button.textContent}`);
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`${scrollWidth} px wide, of ${clientWidth}`);
  return { texts, faults };
}"""


async def unreadable(page: Any) -> list[str]:
    """What cannot be read on the page, as sentences; at least one text is there to be read."""
    seen = await page.evaluate(f"({UNREADABLE})(document.body)")
    assert seen["texts"] > 0
    return seen["faults"]
