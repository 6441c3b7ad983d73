"""The smoke test in WebKitGTK, driven by WebDriver under a virtual display: python tests/e2e/webkit.py MINIBROWSER
DRIVER URL USERNAME PASSWORD
"""

import sys
from collections.abc import Callable
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

_SECONDS = 180
_WAKE = (
    "const sleeping = document.querySelector('flt-semantics-placeholder'); sleeping?.click(); return Boolean(sleeping);"
)


def main(browser: str, driver_path: str, url: str, username: str, password: str) -> None:
    options = Options()
    options.binary_location = browser
    options.add_argument("--automation")
    driver = webdriver.WebKitGTK(options=options, service=Service(driver_path))

    def until(is_so: Callable[[Any], Any]) -> Any:
        return WebDriverWait(driver, _SECONDS, 0.2).until(is_so)

    try:
        driver.get(url)
        # On the page before the app: here a start takes so long that people do not wait for it.
        until(lambda d: d.find_elements(By.CSS_SELECTOR, "#start[data-shows=sign-in] #start-sign-in button"))[0].click()
        until(lambda d: d.find_elements(By.ID, "username"))[0].send_keys(username)
        driver.find_element(By.ID, "password").send_keys(password)
        driver.find_element(By.ID, "Login").click()
        until(lambda d: d.find_elements(By.ID, "oaapprove") or d.current_url.startswith(url))
        for consent in driver.find_elements(By.ID, "oaapprove"):
            consent.click()
        until(lambda d: d.current_url.startswith(url) and d.execute_script(_WAKE))
        until(
            lambda d: d.execute_script(
                "return document.querySelector('flt-semantics-host')?.innerText.includes('Open pipeline')"
            )
        )
        until(lambda d: not d.find_elements(By.ID, "start"))
        print(driver.capabilities["browserName"], driver.capabilities["browserVersion"], "signed in")
    finally:
        driver.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
