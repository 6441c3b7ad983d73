// Two visits in Firefox; prints for each the marks as JSON, "uncovered" among them: node bench/engines/firefox.js FIREFOX URL
const path = require("path");
const puppeteer = require(path.join(__dirname, "../../tests/e2e/npm/node_modules/puppeteer-core"));

// Whether the page's cover has gone off the live app, of which version 0.2.0 says "stands" and later ones "painted".
function isUncovered() {
  const cover = document.getElementById("start");
  const told = ["painted", "stands"].some((name) => performance.getEntriesByName(name).length > 0);
  if (!told || (cover !== null && !cover.classList.contains("gone"))) return false;
  performance.mark("uncovered");
  return true;
}

async function main([executablePath, url]) {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
  try {
    for (let visit = 0; visit < 2; visit++) {
      const page = await browser.newPage();
      page.setDefaultTimeout(120000);
      await page.goto(url);
      await page.waitForFunction(isUncovered, { polling: 20 });
      console.log(JSON.stringify(await page.evaluate(() => performance.getEntriesByType("mark").map((mark) => [mark.name, mark.startTime]))));
      await page.close();
    }
  } finally {
    await browser.close();
  }
}

main(process.argv.slice(2)).catch((failed) => {
  console.error(failed);
  process.exit(1);
});
