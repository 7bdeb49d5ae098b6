// Two pages in one headless Chromium, for test_browser.py: arguments are the gateway's URL, a session,
// and optionally transports. Lines on standard input ("restarted") say when the gateway is back.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [server, session, transports] = process.argv.slice(2);
const here = (path) => new URL(path, import.meta.url);
const files = {
	"/": ["text/html", await readFile(here("page.html"))],
	"/socket.io.js": ["text/javascript",
		await readFile(here("../node_modules/socket.io-client/dist/socket.io.min.js"))],
};

// The page comes from another origin than the gateway, as in real installations.
const pages = createServer((request, response) => {
	const [type, body] = files[request.url.split("?")[0]] ?? [null, ""];
	response.writeHead(type ? 200 : 404, { "Content-Type": type ?? "text/plain" }).end(body);
});
await new Promise((done) => pages.listen(0, "127.0.0.1", done));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function open() {
	const page = await browser.newPage();
	const query = new URLSearchParams({ server, session, ...(transports && { transports }) });
	await page.goto(`http://127.0.0.1:${pages.address().port}/?${query}`);
	await page.waitForFunction("window.connects.length === 1");
	return page;
}

const shown = (page) => page.locator("#heard li").allTextContents();

async function awaitShown(page, name) {
	await page.locator("#heard li", { hasText: name }).waitFor({ timeout: 15000 });
}

async function main() {
	const [ann, bob] = [await open(), await open()];
	const report = {};
	await ann.evaluate("window.add('by ann')");
	await awaitShown(bob, "by ann");
	await bob.evaluate("window.add('by bob')");
	await awaitShown(ann, "by bob");
	if (transports !== "polling")
		for (const page of [ann, bob])
			await page.waitForFunction("socket.io.engine.transport.name === 'websocket'");
	console.log("ready");
	await lines.next();
	for (const page of [ann, bob])
		await page.waitForFunction("window.connects.length === 2 && socket.connected");
	await ann.evaluate("window.add('after the restart')");
	for (const page of [ann, bob])
		await awaitShown(page, "after the restart");
	for (const [name, page] of Object.entries({ ann, bob }))
		report[name] = { shown: await shown(page), seqs: await page.evaluate("window.seqs"),
			connects: await page.evaluate("window.connects") };
	console.log(JSON.stringify(report));
}

try {
	await main();
} finally {
	await browser.close();
	pages.close();
}
