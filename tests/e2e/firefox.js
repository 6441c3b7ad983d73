// The smoke test in Firefox, driven over WebDriver BiDi: node tests/e2e/firefox.js FIREFOX URL USERNAME PASSWORD
const path = require("path");
const puppeteer = require(path.join(__dirname, "npm/node_modules/puppeteer-core"));

async function main([executablePath, url, username, password]) {
  const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(120000);
    await page.goto(url);
    await wake(page);
    await click(page, "Sign in with Salesforce");
    await (await page.waitForSelector("#username")).type(username);
    await (await page.waitForSelector("#password")).type(password);
    await page.click("#Login");
    await page.waitForFunction(() => document.querySelector("#oaapprove") || location.port !== document.referrer.split(":")[2]?.split("/")[0]);
    const consent = await page.$("#oaapprove");
    if (consent) await consent.click();
    await page.waitForFunction((address) => location.href.startsWith(address), {}, url);
    await wake(page);
    await page.waitForFunction(() => document.querySelector("flt-semantics-host")?.innerText.includes("Open pipeline"));
    await page.waitForFunction(() => !document.getElementById("start"));
    console.log(await browser.version(), "signed in");
  } finally {
    await browser.close();
  }
}

async function wake(page) {
  await page.waitForSelector("flt-semantics-placeholder");
  await page.evaluate(() => document.querySelector("flt-semantics-placeholder")?.click());
}

async function click(page, name) {
  await page.waitForFunction((text) => [...document.querySelectorAll('[role="button"]')].some((b) => b.innerText.includes(text)), {}, name);
  await page.evaluate((text) => [...document.querySelectorAll('[role="button"]')].find((b) => b.innerText.includes(text)).click(), name);
}

main(process.argv.slice(2)).catch((failed) => {
  console.error(failed);
  process.exit(1);
});
