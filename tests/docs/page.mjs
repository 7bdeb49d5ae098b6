// Opens a page of docs/examples in headless Chromium, for test_examples_clients.py: arguments are the
// page, the server's URL and a session. Prints each line the page shows; "add" on standard input
// presses its button.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const tests = createRequire(new URL("../package.json", import.meta.url));
const { chromium } = tests("playwright-core");
const [name, server, session] = process.argv.slice(2);
const bundle = new URL("../node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url);
const examples = new URL("../../docs/examples/", import.meta.url);

const pages = createServer(async (request, response) => {
	const path = request.url.split("?")[0].slice(1);
	const isPage = path === name;
	if (!isPage && path !== "socket.io.min.js") {
		response.writeHead(404).end();
		return;
	}
	response.writeHead(200, { "Content-Type": isPage ? "text/html" : "text/javascript" });
	response.end(await readFile(isPage ? new URL(path, examples) : bundle));
});
await new Promise((done) => pages.listen(0, "127.0.0.1", done));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
	args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
try {
	const page = await browser.newPage();
	await page.exposeFunction("tell", (line) => console.log(line));
	await page.addInitScript(() => addEventListener("DOMContentLoaded", () => {
		new MutationObserver((changes) => {
			for (const change of changes)
				for (const node of change.addedNodes)
					window.tell(node.textContent);
		}).observe(document.getElementById("heard"), { childList: true });
	}));
	const query = new URLSearchParams({ server, session });
	await page.goto(`http://127.0.0.1:${pages.address().port}/${name}?${query}`);
	for await (const line of createInterface({ input: process.stdin }))
		if (line === "add")
			await page.click("button");
} finally {
	await browser.close();
	pages.close();
}
