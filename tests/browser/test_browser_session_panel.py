"""The session panel in a real JupyterLab: two screens, a late third, and a stop that all of them
see.
"""

import nbformat
import pytest

pytestmark = pytest.mark.browser

CELLS = [
    """\
import asyncio

from toolkit.sessions import MemoryLog, Session
from toolkit.views import SessionPanel

session = Session(MemoryLog(), "panel")
await session.say("Is the tandem free on Sunday?")
panel = SessionPanel(session)
panel""",
    """\
async def agent():
    run = await session.start_run("support", source="simulated")
    while not run.cancelled:
        await run.write("pedal ")
        await asyncio.sleep(0.05)
    await run.finish()

task = asyncio.create_task(agent())""",
]


async def test_a_stop_on_the_phone_is_seen_on_every_screen(lab, page, notebook, pictures):
    from playwright.async_api import expect

    kernel = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
    }
    book = nbformat.v4.new_notebook(
        metadata=kernel, cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS]
    )
    nbformat.write(book, lab.folder / "panel.ipynb")
    await notebook.open(lab, "panel.ipynb")
    await notebook.run_all()
    await expect(page.get_by_text("pedal pedal").nth(1)).to_be_visible()
    frames = page.locator(".fieldbook-screen")
    await frames.nth(1).get_by_role("button", name="Drop network").click()
    await expect(page.get_by_text("○ away")).to_have_count(1)
    await page.get_by_role("button", name="A third joins late").click()
    await expect(page.get_by_text("tablet", exact=True)).to_be_visible()
    await expect(page.get_by_text("● live")).to_have_count(2)
    await expect(frames).to_have_count(3)
    boxes = [await frames.nth(at).bounding_box() for at in range(3)]
    assert max(box["width"] for box in boxes) - min(box["width"] for box in boxes) <= 2, boxes
    await expect(page.get_by_text("pedal " * 150).first).to_be_visible(timeout=30_000)
    last = page.get_by_text("support: answering").first
    await expect(last).to_be_in_viewport()
    await expect(page.get_by_role("button", name="Stop").first).to_be_in_viewport()
    assert [await frames.nth(at).bounding_box() for at in range(3)] == boxes, (
        "a long answer moves nothing"
    )
    await notebook.picture(pictures, "session-panel-1-dropped")
    log = page.locator(".log")
    for name in ("laptop", "phone", "tablet"):
        await expect(log.get_by_text(name)).to_be_visible()
    await expect(page.locator(".legend").get_by_text("the agent's words")).to_be_visible()
    phone = frames.nth(1)
    await page.locator(".fieldbook-session").focus()
    await page.keyboard.press("2")
    await expect(page.get_by_text("● live")).to_have_count(3)
    words = phone.get_by_placeholder("Write to the agent")
    await words.fill("less, 3 S please")
    await words.press("Enter")
    await expect(page.get_by_text("user, on the phone · steer less, 3 S please")).to_have_count(3)
    await expect(words).to_be_focused()
    await expect(words).to_have_value("")
    await phone.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("support: stopped")).to_have_count(3)
    await expect(page.locator(".legend").get_by_text("stop, steer")).to_be_visible()
    await notebook.picture(pictures, "session-panel-2-stopped")
