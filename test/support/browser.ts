/** A real Chromium, Debian's, driven by playwright-core. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { chromiumBinary } from './tools.ts';

export interface OpenBrowser extends AsyncDisposable {
  /** An empty page of that origin, whatever is served there; it is closed with the browser. */
  page(origin: string, html?: string): Promise<Page>;
  /** What pages complained about: errors, refused loads, violated policies. */
  readonly complaints: readonly string[];
}

export async function openBrowser(): Promise<OpenBrowser> {
  // Everything runs as root in a container at times, where Chromium's own sandbox cannot be had.
  const browser: Browser = await chromium.launch({
    executablePath: chromiumBinary,
    // A page that the driver itself answers comes from no network, and would not be let into that of this machine.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
    ],
    timeout: 300_000,
  });
  const complaints: string[] = [];
  return {
    complaints,
    async page(origin, html) {
      const page = await browser.newPage();
      page.setDefaultTimeout(60_000);
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      if (html !== undefined) {
        await page.route(`${origin}/of-a-test`, (route) => route.fulfill({ contentType: 'text/html', body: html }));
        await page.goto(`${origin}/of-a-test`);
      }
      return page;
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
