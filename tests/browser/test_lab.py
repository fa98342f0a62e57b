"""Both notebooks in a real JupyterLab in Chromium: run all cells, move each widget, see its picture change.

Optional, since it needs JupyterLab, Playwright and Chromium: `./run_all.sh browser` installs them and runs this.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

pytest.importorskip("jupyterlab")
playwright = pytest.importorskip("playwright.sync_api")

from conftest import ROOT  # noqa: E402

MINUTE = 60_000  # Playwright counts milliseconds


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves a copy of both Parts, all cells of a notebook being in the page."""
    folder, settings = tmp_path_factory.mktemp("bundle"), tmp_path_factory.mktemp("settings")
    ignore = shutil.ignore_patterns("runs", "MNIST", "__pycache__")
    for part in ("Part1", "Part2"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    tracker = settings / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text(json.dumps({"windowingMode": "none"}))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=", "--LabApp.news_url=", "--port=0"]
    environment = os.environ | {"JUPYTERLAB_SETTINGS_DIR": str(settings), "OMP_NUM_THREADS": "1"}
    log = settings / "log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while not (address := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield address[0]
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def browser():
    """Chromium: the system's if there is one, else Playwright's own."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def run_all(browser, lab, path):
    """The page of a notebook whose cells have all run, without an error."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(MINUTE)
    page.goto(f"{lab}/lab/tree/{path}?reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    while not any(session["path"] == path for session in page.request.get(f"{lab}/api/sessions").json()):
        page.wait_for_timeout(200)  # asked to run cells before it has a kernel, JupyterLab asks which one
    page.wait_for_timeout(1000)
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.get_by_role("menuitem", name="Clear Outputs of All Cells").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    prompts, errors = (page.locator(each) for each in (".jp-CodeCell .jp-InputPrompt", "[data-mime-type$='.error']"))
    deadline = time.monotonic() + 300
    while re.fullmatch(r"\[\d+\]:", prompts.last.inner_text()) is None and errors.count() == 0:
        assert time.monotonic() < deadline, f"{path} still runs: {prompts.all_inner_texts()}"
        page.wait_for_timeout(200)
    assert errors.count() == 0, errors.first.inner_text()
    return page


def changes(page, widget, act, seconds=30):
    """Does `act` and waits until the widget shows another picture."""
    picture = widget.locator(".widget-output img").last
    before = picture.get_attribute("src")
    act()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pictures = widget.locator(".widget-output img")
        if pictures.count() and pictures.last.get_attribute("src") != before:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the picture stayed the same")


def widgets(page):
    """The cells' outputs that hold a widget, in order."""
    return page.locator(".jp-OutputArea-output:has(> .jupyter-widgets .widget-output)")


def test_the_lstm_answers_to_what_is_typed_and_drawn(browser, lab):
    page = run_all(browser, lab, "Part1/task2.ipynb")
    (widget,) = widgets(page).all()
    field = widget.locator("input[type=text]")

    def typed():
        field.fill("7123321")
        field.press("Enter")

    changes(page, widget, typed)
    changes(page, widget, widget.get_by_role("button", name="random palindrome").click)
    length = widget.locator(".noUi-handle")
    length.press("ArrowRight")
    changes(page, widget, widget.get_by_role("button", name="random palindrome").click)
    field.fill("123")
    field.press("Enter")
    widget.get_by_text("it must read the same backwards").wait_for()
    page.close()


def test_the_gans_sliders_and_choices_change_the_picture(browser, lab):
    page = run_all(browser, lab, "Part2/Part2.ipynb")
    (interpolation,) = widgets(page).all()
    for film in page.locator(".animation").all():
        before = film.locator("img").get_attribute("src")
        film.get_by_title("Next frame").click()
        assert film.locator("img").get_attribute("src") != before
    alpha = interpolation.locator(".noUi-handle")
    changes(page, interpolation, lambda: alpha.press("ArrowRight"))
    start, end, way = interpolation.locator("select").all()
    changes(page, interpolation, lambda: way.select_option("spherical"))
    changes(page, interpolation, lambda: start.select_option("7"))
    changes(page, interpolation, lambda: end.select_option("4"))
    start.select_option("4")
    interpolation.get_by_text("choose two different digits").wait_for()
    page.close()
