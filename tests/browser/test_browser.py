"""What only a browser can tell: no error, no policy violation, readable, drawn, and everything by keyboard."""

from dataclasses import replace
from datetime import timedelta

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from controlplane.model.cycle import Stop
from controlplane.model.recommendation import State
from controlplane.web import links
from tests.web import showcase
from tests.web.fake_sessions import RUNAWAY, FakeSessionMemory, a_book
from tests.web.fakes import FakeLedger, a_desk

pytestmark = pytest.mark.real

RAISE = f"/recommendations/{showcase.RAISE.id}"
PAGES = {
    "fleet": "/",
    "role": "/roles/planner",
    "role-folded-out": "/roles/coder?range=8h&open=table-ttft,queries-kv,readings",
    "recommendations": "/recommendations",
    "recommendation": RAISE,
    "sessions": "/sessions",
    "session": links.session(RUNAWAY.key),
    "activity": "/activity",
    "health": "/health",
    "stop": "/stop",
    "gallery": "/gallery",
}
WIDTHS = (1560, 1000, 680)


def stopped() -> FakeLedger:
    books = showcase.ledger(down=2)
    books.stop_now = Stop(by="ada", at=showcase.NOW - 4 * showcase.MINUTE, reason="the rollout of 0.33 went wrong")
    return books


def quiet() -> FakeLedger:
    return replace(showcase.ledger(), records=[], change_records=[])


STATES = {
    "first-start": a_desk(FakeLedger(), roles=showcase.ROLES),
    "empty": showcase.desk(quiet()),
    "stale": showcase.desk(late=timedelta(minutes=3)),
    "stopped": showcase.desk(stopped(), note="demo: in about a minute the planner's KV cache fills up"),
}


def settled(eyes, path, theme="light", width=1560):
    eyes.open(path, theme=theme, width=width)
    assert eyes.complaints() == []
    assert eyes.script("return document.documentElement.scrollWidth") <= width, "nothing sticks out at the side"


def serious(eyes, axe):
    """Violations of the accessibility rules that matter, each with the places it was found at."""
    eyes.script(axe)
    found = eyes.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    return {
        v["id"]: [n["html"][:120] for n in v["nodes"]][:4]
        for v in found["violations"]
        if v["impact"] in {"serious", "critical"}
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_clean_and_readable_in_both_themes_at_three_widths(look, axe, tmp_path, name, theme):
    eyes = look(showcase.desk())
    for width in WIDTHS:
        settled(eyes, PAGES[name], theme, width)
        eyes.picture(tmp_path / f"{name}-{theme}-{width}.png", width)
        assert serious(eyes, axe) == {}


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_clean_and_readable(look, axe, tmp_path, name):
    eyes = look(STATES[name])
    for theme in ("light", "dark"):
        settled(eyes, "/", theme)
        eyes.picture(tmp_path / f"{name}-{theme}.png", 1560)
        assert serious(eyes, axe) == {}


@pytest.mark.parametrize(
    ("name", "book"), [("nobody-tells", None), ("silent", a_book(FakeSessionMemory(told=None), source="otlp"))]
)
def test_without_sessions_the_page_says_what_to_add(look, axe, tmp_path, name, book):
    eyes = look(replace(showcase.desk(), sessions=book))
    for theme in ("light", "dark"):
        settled(eyes, "/sessions", theme)
        eyes.picture(tmp_path / f"{name}-{theme}.png", 1560)
        assert serious(eyes, axe) == {}


def test_a_session_is_reached_from_the_list_and_filters_stand_in_the_address(look):
    eyes = look(showcase.desk())
    settled(eyes, "/sessions")
    eyes.driver.find_element(By.PARTIAL_LINK_TEXT, "over their allowance").click()
    WebDriverWait(eyes.driver, 10).until(lambda d: "state=over" in d.current_url and whole(d))
    eyes.keys("/")
    eyes.keys("research", Keys.ENTER)
    WebDriverWait(eyes.driver, 10).until(lambda d: "tenant=research" in d.current_url and whole(d))
    assert "state=over" in eyes.driver.current_url
    assert len(eyes.driver.find_elements(By.CSS_SELECTOR, "#live tbody tr")) == 1
    eyes.driver.find_element(By.CSS_SELECTOR, "#live tbody a.name").click()
    WebDriverWait(eyes.driver, 10).until(lambda d: "What to do" in words_in(d, "live"))
    assert eyes.complaints() == []


def test_the_checker_sees_what_is_unreadable(look, axe):
    eyes = look(showcase.desk())
    eyes.open("/")
    eyes.script("document.querySelector('h2').style.color = '#eee'")
    assert "color-contrast" in serious(eyes, axe)


@pytest.mark.parametrize(("path", "canvases"), [("/roles/planner", 9), (RAISE, 4), ("/gallery", 1)])
def test_charts_are_drawn(look, path, canvases):
    eyes = look(showcase.desk())
    settled(eyes, path)
    assert len(eyes.driver.find_elements(By.CSS_SELECTOR, "[data-chart] canvas")) == canvases
    blank = eyes.script(
        "return [...document.querySelectorAll('[data-chart] canvas')].filter(c =>"
        " !c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)).length"
    )
    assert blank == 0


def test_an_unknown_chart_says_why_and_stays_undrawn(look):
    eyes = look(showcase.desk())
    settled(eyes, "/roles/reranker")
    assert len(eyes.driver.find_elements(By.CSS_SELECTOR, "#chart-share canvas")) == 1, "hits are known, GPU is not"
    assert "unknown" in eyes.driver.find_element(By.ID, "legend-share").text


def test_approving_takes_two_keys_and_shows_the_result(look):
    books = showcase.ledger()
    eyes = look(showcase.desk(books))
    eyes.open(RAISE)
    eyes.keys("a")
    assert books.said == [], "one key only puts the finger on the button"
    assert eyes.driver.find_element(By.ID, "approve-hint").is_displayed()
    eyes.keys(Keys.ENTER)
    WebDriverWait(eyes.driver, 10).until(lambda d: "Approved by local" in d.page_source)
    assert books.said == [("approved", showcase.RAISE.id, "local", ""), ("nudge",)]


def test_dismissing_asks_for_a_reason_first(look):
    books = showcase.ledger()
    eyes = look(showcase.desk(books))
    eyes.open(RAISE)
    eyes.keys("d")
    eyes.keys("a is a letter here, not a command")
    assert books.said == []
    eyes.keys(Keys.TAB)
    eyes.keys(Keys.ENTER)
    WebDriverWait(eyes.driver, 10).until(lambda d: "Dismissed by local" in d.page_source)
    assert books.said == [("dismissed", showcase.RAISE.id, "local", "a is a letter here, not a command")]


def test_stopping_and_resuming_by_form(look):
    books = showcase.ledger()
    eyes = look(showcase.desk(books))
    eyes.open("/stop")
    eyes.driver.find_element(By.NAME, "reason").send_keys("bad rollout")
    eyes.driver.find_element(By.CSS_SELECTOR, ".btn.danger").click()
    WebDriverWait(eyes.driver, 10).until(lambda d: "All changes are stopped." in d.page_source)
    eyes.driver.find_element(By.LINK_TEXT, "Resume…").click()
    WebDriverWait(eyes.driver, 10).until(lambda d: d.current_url.endswith("/stop") and whole(d))
    eyes.driver.find_element(By.CSS_SELECTOR, ".btn.primary").click()
    WebDriverWait(eyes.driver, 10).until(lambda d: d.current_url == f"{eyes.address}/" and whole(d))
    assert "All changes are stopped." not in eyes.driver.page_source
    assert [what for what, *_ in books.said] == ["stop", "resume", "nudge"]


@pytest.mark.parametrize(
    ("keys", "path"), [("gr", "/recommendations"), ("gs", "/sessions"), ("ga", "/activity"), ("gh", "/health")]
)
def test_two_letters_go_places(look, keys, path):
    eyes = look(showcase.desk())
    eyes.open("/")
    eyes.keys(*keys)
    WebDriverWait(eyes.driver, 10).until(lambda d: d.current_url == eyes.address + path)


def whole(driver):
    """Whether the page is there with its scripts."""
    return driver.execute_script("return document.readyState") == "complete"


def words_in(driver, id_):
    """The text of a block that may be swapped at any moment: found and read in one go."""
    return driver.execute_script("return document.getElementById(arguments[0])?.innerText ?? ''", id_)


def test_the_question_mark_lists_the_keys_and_slash_filters(look):
    eyes = look(showcase.desk())
    eyes.open("/")
    eyes.keys("?")
    keys = eyes.driver.find_element(By.ID, "keys")
    assert keys.is_displayed()
    eyes.keys(Keys.ESCAPE)
    WebDriverWait(eyes.driver, 20).until(lambda _: not keys.is_displayed(), "the browser closes it in its own time")
    eyes.keys("/")
    assert eyes.driver.switch_to.active_element.get_attribute("id") == "filter"
    eyes.keys("work")
    WebDriverWait(eyes.driver, 20).until(lambda d: "planner" not in words_in(d, "live"))
    WebDriverWait(eyes.driver, 20).until(lambda d: d.current_url.endswith("/?q=work"), "the address is the state")
    assert eyes.complaints() == []


def test_folding_out_goes_into_the_address_and_survives_a_reload(look):
    eyes = look(showcase.desk())
    eyes.open("/roles/planner")
    eyes.driver.find_element(By.CSS_SELECTOR, "#table-ttft summary").click()
    WebDriverWait(eyes.driver, 10).until(lambda d: "open=table-ttft" in d.current_url)
    eyes.driver.refresh()
    assert eyes.driver.find_element(By.CSS_SELECTOR, "#table-ttft table").is_displayed()


def test_an_open_page_follows_the_service_by_itself(look):
    books = showcase.ledger()
    eyes = look(showcase.desk(books))
    eyes.open("/")
    assert eyes.driver.find_element(By.CSS_SELECTOR, ".count").text == "3"
    books.records = [r if r.state is not State.OPEN else replace(r, state=State.EXPIRED) for r in books.records]
    WebDriverWait(eyes.driver, 15).until(lambda d: "Nothing waits for you" in words_in(d, "below"))
    assert eyes.script("return document.querySelectorAll('.count').length") == 0
    assert eyes.complaints() == []


def test_a_service_that_is_gone_is_said(look):
    eyes = look(showcase.desk())
    eyes.open("/")
    eyes.script("htmx.ajax('GET', 'http://127.0.0.1:1/', '#live')")
    eyes.script("document.dispatchEvent(new CustomEvent('htmx:sendError'))")
    assert "no contact since" in eyes.driver.find_element(By.ID, "status").text


def test_markup_in_names_stays_text(look):
    """A14, in the browser that would run it."""
    from tests.web.test_hostile import poisoned

    books = poisoned("<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">")
    eyes = look(a_desk(books))
    id_ = books.records[0].recommendation.id
    for path in ("/", "/roles/planner", "/recommendations", f"/recommendations/{id_}", "/activity", "/health", "/stop"):
        eyes.open(path)
        assert "pwned" not in eyes.driver.title.replace("document.title='pwned'", "")
        assert eyes.complaints() == []
