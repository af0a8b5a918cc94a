import { readFile, writeFile } from 'node:fs/promises';

// npm leaves optional packages of other platforms out of the lock file when its registry or an existing node_modules does not show them, and `npm ci` then refuses
// the lock file. This puts them back by name and version: the right machine fetches them, every other one skips them.
interface Entry {
  version?: string;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  dev?: boolean;
  optionalDependencies?: Record<string, string>;
}

const OS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const CPU = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64', 'loong64', 'wasm32'];
const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(await readFile(file, 'utf8')) as { packages: Record<string, Entry> };

let added = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '') continue;
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    const os = OS.find((word) => name.includes(word));
    const cpu = CPU.find((word) => name.includes(word));
    if (lock.packages[place] || lock.packages[`${path}/${place}`] || !os || !cpu || !/^\d/.test(version)) continue;
    const libc =
      name.endsWith('musl') || name.includes('musleabi')
        ? ['musl']
        : name.endsWith('gnu') && os === 'linux'
          ? ['glibc']
          : undefined;
    lock.packages[place] = {
      version,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      os: [os],
      cpu: [cpu],
      ...(libc ? { libc } : {}),
    };
    added += 1;
  }
}
const sorted = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
await writeFile(file, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
process.stdout.write(`${added} packages of other platforms added to package-lock.json\n`);
