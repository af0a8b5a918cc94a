import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const DEBIAN = '/usr/bin/chromium';

/**
 * A headless Chromium: the one at CHROMIUM_PATH, else Debian's, installed when it is absent and we are root. Close it when done.
 * Throws with the remedy when there is none.
 */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
}

function findChromium(): string {
  const wanted = process.env['CHROMIUM_PATH'];
  if (wanted !== undefined) {
    if (!existsSync(wanted)) throw new Error(`CHROMIUM_PATH names ${wanted}, and there is no such file`);
    return wanted;
  }
  if (!existsSync(DEBIAN)) install();
  return DEBIAN;
}

function install(): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error('A browser test needs Chromium: install it (apt-get install chromium) or set CHROMIUM_PATH');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', ['update'], { stdio: 'ignore', env });
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { stdio: 'ignore', env });
  if (!existsSync(DEBIAN)) throw new Error('Chromium was installed but is not at /usr/bin/chromium: set CHROMIUM_PATH');
}
