"""Two visits in WebKitGTK; prints the page's marks of each as JSON: python bench/engines/webkit.py MINIBROWSER DRIVER
URL
"""

import json
import sys

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

# The app's own mark; version 0.2.0 calls it "stands".
_MARKS = """return performance.getEntriesByType('mark')
  .map((mark) => [mark.name === 'stands' ? 'painted' : mark.name, mark.startTime])"""


def main(browser: str, driver_path: str, url: str) -> None:
    options = Options()
    options.binary_location = browser
    options.add_argument("--automation")
    driver = webdriver.WebKitGTK(options=options, service=Service(driver_path))
    try:
        for _ in range(2):
            driver.get(url)
            marks = WebDriverWait(driver, 120, 0.2).until(
                lambda d: (m := d.execute_script(_MARKS)) and any(k == "painted" for k, _ in m) and m
            )
            print(json.dumps(marks), flush=True)
            driver.get("about:blank")
    finally:
        driver.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
