"""Two visits in WebKitGTK; prints for each the marks as JSON, "uncovered" among them: python bench/engines/webkit.py
MINIBROWSER DRIVER URL
"""

import json
import sys

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

# Marks when the page's cover has gone off the live app, of which version 0.2.0 says "stands" and later ones "painted".
_MARKS = """
  const cover = document.getElementById("start");
  const told = ["painted", "stands"].some((name) => performance.getEntriesByName(name).length > 0);
  if (!told || (cover !== null && !cover.classList.contains("gone"))) return null;
  performance.mark("uncovered");
  return performance.getEntriesByType("mark").map((mark) => [mark.name, mark.startTime]);
"""


def main(browser: str, driver_path: str, url: str) -> None:
    options = Options()
    options.binary_location = browser
    options.add_argument("--automation")
    driver = webdriver.WebKitGTK(options=options, service=Service(driver_path))
    try:
        for _ in range(2):
            driver.get(url)
            marks = WebDriverWait(driver, 180, 0.05).until(lambda d: d.execute_script(_MARKS))
            print(json.dumps(marks), flush=True)
            driver.get("about:blank")
    finally:
        driver.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
