"""The pages that ``make docs`` has built, as a browser lays them out on a narrow and on a wide screen."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "_build" / "html"
BROWSER = next(filter(shutil.which, ("chromium", "google-chrome", "chromium-browser")), None)
# Opens one page after the other in a frame, and leaves what it found in its own text. Boxes of code, formulas and
# tables scroll by themselves; what else is wider than the page is wider than the screen.
PROBE = """
<iframe width="{width}" height="900"></iframe><pre></pre>
<script>
const frame = document.querySelector("iframe"), found = [];
async function look(page) {{
  await new Promise(done => {{ frame.onload = done; frame.src = page; }});
  const boxes = [frame.contentDocument.documentElement, frame.contentDocument.querySelector(".content")];
  for (const box of boxes) if (box.scrollWidth > box.clientWidth + 1) found.push([page, box.scrollWidth]);
  for (const picture of frame.contentDocument.images) if (!picture.naturalWidth) found.push([page, picture.src]);
}}
(async () => {{
  for (const page of {pages}) await look(page);
  document.querySelector("pre").textContent = JSON.stringify(found);
}})();
</script>
"""

pytestmark = [
    pytest.mark.docs,
    pytest.mark.skipif(not (PAGES / "searchindex.js").exists(), reason="the pages are not built: make docs"),
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium"),
]


@pytest.mark.parametrize("width", [420, 1280])
def test_no_page_is_wider_than_the_screen(width, tmp_path):
    pages = sorted(path.as_uri() for path in PAGES.rglob("*.html") if "_static" not in path.parts)
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(width=width, pages=json.dumps(pages)), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'user'}"]
    done = subprocess.run(
        [BROWSER, *options, "--virtual-time-budget=600000", "--dump-dom", probe.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = re.search("<pre>(.+)</pre>", done.stdout)
    assert found, done.stderr
    assert json.loads(html.unescape(found[1])) == []
