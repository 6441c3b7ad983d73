// Two visits in Firefox; prints the page's marks of each as JSON: node bench/engines/firefox.js FIREFOX URL
// Version 0.2.0 calls the app's own mark "stands".
const path = require("path");
const puppeteer = require(path.join(__dirname, "../../tests/e2e/npm/node_modules/puppeteer-core"));

async function main([executablePath, url]) {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
  try {
    for (let visit = 0; visit < 2; visit++) {
      const page = await browser.newPage();
      page.setDefaultTimeout(120000);
      await page.goto(url);
      await page.waitForFunction(() => performance.getEntriesByName("painted").length + performance.getEntriesByName("stands").length > 0);
      console.log(JSON.stringify(await page.evaluate(() => performance.getEntriesByType("mark").map((mark) => [mark.name === "stands" ? "painted" : mark.name, mark.startTime]))));
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
