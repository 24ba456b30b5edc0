"""Whoever has a keyboard and nothing else: every stop on the way is looked at."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

MOST_STOPS = 90

# What is wrong with the stop there is; '' is nothing. What is hidden for the eye has something
# drawn in its place.
LOOKED_AT = """(stop) => {
  if (stop === document.body) return 'nothing has the keyboard';
  const face = stop.matches('.vh') ? stop.nextElementSibling ?? stop.parentElement : stop;
  const { left, right, top, bottom } = face.getBoundingClientRect();
  const across = [Math.max(left, 0), Math.min(right, innerWidth)];
  const down = [Math.max(top, 0), Math.min(bottom, innerHeight)];
  const few = (length) => Math.min(length, 12);
  if (across[1] - across[0] < few(right - left) || down[1] - down[0] < few(bottom - top))
    return 'is not on the screen';
  const found = document.elementFromPoint((across[0] + across[1]) / 2, (down[0] + down[1]) / 2);
  if (!found || (!face.contains(found) && !found.contains(face)))
    return `is behind ${found?.outerHTML.slice(0, 80)}`;
  if (getComputedStyle(face).outlineStyle === 'none') return 'is not marked';
  return '';
}"""
STOP = f"""(target) => {{
  const stop = document.activeElement;
  const wrong = ({LOOKED_AT})(stop);
  const html = stop.outerHTML.slice(0, 160);
  return [stop === target, wrong && `${{html}}: ${{wrong}}`, html];
}}"""


class Keys:
    """A page by its keyboard alone."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, *keys: str) -> None:
        """One after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def at(self, stop: Locator) -> None:
        """The keyboard is there, and it is seen."""
        expect(stop).to_be_focused()
        _, wrong, _ = stop.evaluate(STOP)
        assert wrong == ""

    def seen(self) -> None:
        """Whatever has the keyboard, it is not lost."""
        expect(self.page.locator("body")).not_to_be_focused()
        self.at(self.page.locator(":focus"))

    def to(self, stop: Locator, *, back: bool = False) -> None:
        """By Tab, or back by Shift+Tab; what is passed is seen, too."""
        expect(stop).to_be_visible()
        passed = []
        for _ in range(MOST_STOPS):
            self.press("Shift+Tab" if back else "Tab")
            there, wrong, html = stop.evaluate(STOP)
            # After the last stop the keyboard is the browser's, before it is at the first one.
            assert wrong == "" or wrong.startswith("<body"), wrong
            if there:
                return
            passed.append(html)
        raise AssertionError(f"Tab does not lead to {stop}, but to {passed}")

    def use(self, stop: Locator, *, back: bool = False, key: str = "Enter") -> None:
        """Goes there and presses it."""
        self.to(stop, back=back)
        self.press(key)

    def hears(self, text: str) -> None:
        """What is said to a screen reader."""
        expect(self.page.locator("#announcer")).to_contain_text(text)
