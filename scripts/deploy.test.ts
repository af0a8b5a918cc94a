import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { DockerfileParser } from 'dockerfile-ast';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { SETTINGS } from '#core/config.ts';
import manifest from '#package.json' with { type: 'json' };

// Docker is not needed here: both files are read as Docker reads them, and held against what is in the tree.

const zStrings = z.array(z.string());
const zService = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: zStrings.optional(),
  entrypoint: zStrings.optional(),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  restart: z.string(),
  stop_grace_period: z.string().optional(),
  networks: zStrings,
  ports: zStrings.default([]),
  volumes: zStrings.default([]),
  tmpfs: zStrings.default([]),
  environment: z.record(z.string(), z.string().nullable()).default({}),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: zStrings }).optional(),
});
const zCompose = z.object({
  services: z.record(z.string(), zService),
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.object({})),
});

/** Scripts that are started by hand, from the tree, may use more. */
const FOR_DEVELOPERS = /^scripts\/(test-api|seed|record-histories)/;

const read = (name: string): Promise<string> => readFile(name, 'utf8');
const composeText = await read('docker-compose.yml');
const compose = zCompose.parse(parse(composeText, { merge: true }));
const dockerfile = DockerfileParser.parse(await read('Dockerfile'));
const instructions = dockerfile.getInstructions().map((one) => ({
  keyword: one.getKeyword(),
  words: one.getArguments().map((argument) => argument.getValue()),
  text: one.toString(),
}));
const of = (keyword: string) => instructions.filter((one) => one.keyword === keyword);
const roles = Object.entries(compose.services).filter(([, service]) => service.build !== undefined);
/** Host paths that are files of ours: `./docker/postgres.sh:/somewhere:ro`. */
const mounted = (service: z.infer<typeof zService>) =>
  service.volumes.filter((one) => one.startsWith('./')).map((one) => one.split(':')[0] ?? '');

test('the image and every service are pinned to a version, and the product runs on the Node it is tested with', () => {
  const images = [
    ...of('FROM').map(({ words }) => words[0] ?? ''),
    ...Object.values(compose.services).map(({ image }) => image),
  ];
  for (const image of images)
    expect(image).toMatch(/:(\d+\.\d+(\.\d+)?(-\w+)*|\$\{ABETWORKS_VERSION:-\d+\.\d+\.\d+\})$|slim$/);
  expect(images.join(' ')).not.toContain('latest');
  for (const { words } of of('FROM')) expect(words[0]).toContain(`node:${manifest.devDependencies.node}`);
  for (const [, { image }] of roles) expect(image).toContain(`:-${manifest.version}}`);
});

test('three roles run from the one image, as nobody special, on a file system they cannot write, and have time to drain', () => {
  expect(roles.map(([name]) => name).toSorted()).toEqual(['bots', 'web', 'worker']);
  for (const [name, service] of roles) {
    expect(service).toMatchObject({ user: 'node', read_only: true, restart: 'unless-stopped' });
    expect(Number.parseInt(service.stop_grace_period ?? '0', 10)).toBeGreaterThan(30);
    expect(service.command).toEqual(['node', 'scripts/start.ts', name]);
    expect([...service.tmpfs, ...service.volumes].some((one) => /^(\w+:)?\/data/.test(one))).toBe(true);
  }
  const last = instructions.findLastIndex(({ keyword }) => keyword === 'FROM');
  expect(instructions.slice(last).find(({ keyword }) => keyword === 'USER')?.words).toEqual(['node']);
});

test('every command names a file that is there, also in the image', async () => {
  const ignored = await read('.dockerignore');
  const inImage = (file: string) =>
    expect([file, ignored.includes(`!${file.split('/')[0]}\n`), existsSync(file)]).toEqual([file, true, true]);
  const commands = [
    ...Object.values(compose.services).flatMap(({ command, healthcheck }) => [command, healthcheck?.test]),
    ...['CMD', 'HEALTHCHECK', 'RUN'].flatMap((keyword) => of(keyword).map(({ text }) => text.split(/[\s",[\]]+/))),
  ];
  const scripts = commands.flatMap((words) => (words ?? []).filter((word) => word.endsWith('.ts')));
  expect(new Set(scripts)).toEqual(new Set(['scripts/start.ts', 'scripts/healthcheck.ts', 'scripts/bundle.ts']));
  for (const script of scripts) inImage(script);
  for (const one of of('COPY'))
    if (!one.text.includes('--from')) for (const source of one.words.slice(0, -1)) if (source !== '.') inImage(source);
  for (const service of Object.values(compose.services))
    for (const file of mounted(service)) expect([file, existsSync(file)]).toEqual([file, true]);
  for (const service of Object.values(compose.services))
    for (const word of service.entrypoint?.slice(1) ?? [])
      expect(service.volumes.some((one) => one.split(':')[1] === word)).toBe(true);
});

test('every folder that the product imports from is in the image, and no test, secret or local file', async () => {
  const lines = (await read('.dockerignore')).split('\n').filter((line) => line && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  const kept = new Set(lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1)));
  const used: string[] = [];
  for (const folder of ['activities', 'core', 'db', 'scripts', 'web', 'workflows'])
    for (const file of await readdir(folder, { recursive: true })) {
      if (!file.endsWith('.ts') || /\.(test|fixture)\.ts$/.test(file)) continue;
      for (const [, from = ''] of (await read(path.join(folder, file))).matchAll(/from '#([\w.-]+)/g))
        if (!kept.has(from)) used.push(`${folder}/${file} needs ${from}`);
    }
  expect(used.filter((line) => !FOR_DEVELOPERS.test(line))).toEqual([]);
  for (const name of ['test', 'bench', 'docs', '.env', '.data', 'node_modules']) expect(kept.has(name)).toBe(false);
  expect(lines).toEqual(expect.arrayContaining(['**/*.test.ts', '**/.env', '**/.data']));
});

test('what the roles are given are settings that there are, and nothing secret is written down', () => {
  for (const [name, { environment }] of roles) {
    for (const setting of Object.keys(environment))
      expect([name, SETTINGS]).toEqual([name, expect.arrayContaining([setting])]);
    for (const setting of ['ABETWORKS_KEYS', 'ABETWORKS_METRICS_TOKEN'])
      expect(environment[setting]).toMatch(new RegExp(`^\\$\\{${setting}:\\?`));
    expect(environment['DATABASE_URL']).toContain('${ABETWORKS_DB_PASSWORD:?');
    expect(environment['DATABASE_URL']).toContain('@postgres:5432/abetworks');
    expect(environment['TEMPORAL_ADDRESS']).toBe('temporal:7233');
  }
  const env = of('ENV').flatMap(({ words }) => words.map((word) => word.split('=')[0] ?? ''));
  expect(SETTINGS).toEqual(expect.arrayContaining(env));
  const passwords = Object.values(compose.services).flatMap(({ environment }) =>
    Object.entries(environment).filter(([name]) => /PASSWORD|PWD|KEY|TOKEN|SECRET/.test(name)),
  );
  expect(passwords.length).toBeGreaterThan(8);
  for (const [name, value] of passwords)
    expect([name, value ?? '${unset}']).toEqual([name, expect.stringMatching(/^\$\{/)]);
});

test('only the web port is published, for this machine unless told otherwise; database and engine reach nothing outside', () => {
  const published = Object.entries(compose.services).filter(([, { ports }]) => ports.length > 0);
  expect(published.map(([name, { ports }]) => [name, ports])).toEqual([
    ['web', ['${ABETWORKS_PUBLISH:-127.0.0.1:3000}:3000']],
  ]);
  expect(of('EXPOSE')[0]?.words).toEqual(['3000']);
  expect(of('ENV')[0]?.text).toContain('PORT=3000');
  expect(compose.networks['inside']?.internal).toBe(true);
  for (const [name, { networks, build }] of Object.entries(compose.services))
    expect([name, networks]).toEqual([name, build === undefined ? ['inside'] : ['inside', 'outside']]);
});

test('each starts when what it needs is there, is watched, and every volume and network is declared', () => {
  for (const [name, service] of Object.entries(compose.services)) {
    for (const [needed, { condition }] of Object.entries(service.depends_on)) {
      const other = compose.services[needed];
      expect([name, needed, other !== undefined]).toEqual([name, needed, true]);
      const runsOn = condition === 'service_healthy';
      expect(runsOn ? other?.healthcheck : other?.restart.startsWith('on-failure')).toBeTruthy();
    }
    const isJob = service.restart.startsWith('on-failure');
    expect([name, isJob || service.healthcheck !== undefined]).toEqual([name, true]);
    for (const volume of service.volumes.filter((one) => !one.startsWith('./')))
      expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    for (const network of service.networks) expect(Object.keys(compose.networks)).toContain(network);
  }
  // The namespace that is made is the one that is used.
  const used = new Set([
    compose.services['temporal-namespace']?.environment['TEMPORAL_NAMESPACE'],
    ...roles.map(([, { environment }]) => environment['TEMPORAL_NAMESPACE']),
  ]);
  expect(used).toEqual(new Set(['abetworks']));
});

test("Temporal's own settings are YAML it reads, and the scripts beside it stop at the first mistake", async () => {
  const settings = z
    .record(z.string(), z.array(z.object({ value: z.number() })))
    .parse(parse(await read('docker/temporal.yaml')));
  expect(Object.keys(settings)).toContain('history.transferProcessorMaxPollRPS');
  const scripts = (await readdir('docker')).filter((name) => name.endsWith('.sh'));
  for (const name of scripts) expect(await read(`docker/${name}`)).toContain('set -eu\n');
  // One that cannot be executed would be sourced by the postgres image, and change its own shell.
  for (const name of scripts) expect([name, (await stat(`docker/${name}`)).mode & 0o111]).toEqual([name, 0o111]);
});

test('the operating notes name every setting there is, every family of metrics, and none that is not', async () => {
  const notes = await read('docs/operate.md');
  const rows = [...notes.matchAll(/^\| (`[^|]+)\|/gm)].map(([, first = '']) => first).join(' ');
  const named = new Set([...rows.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name = '']) => name));
  // Read by Temporal's own library.
  const elsewhere = ['TEMPORAL_API_KEY', 'NODE_ENV'];
  expect(SETTINGS.filter((name) => !named.has(name) && name !== 'NODE_ENV')).toEqual([]);
  expect(
    [...named].filter(
      (name) => !SETTINGS.includes(name) && !elsewhere.includes(name) && !name.startsWith('TEMPORAL_TLS'),
    ),
  ).toEqual([]);
  const source = await read('web/metrics.ts');
  const families = [
    ...[...source.matchAll(/name: '(abetworks_\w+)'/g)].map(([, name]) => name),
    ...[...source.matchAll(/gauge\('(\w+)'/g)].map(([, name]) => `abetworks_${name}`),
    ...[...source.matchAll(/counter\('(\w+)'/g)].map(([, name]) => `abetworks_${name}_total`),
  ];
  expect(families.length).toBeGreaterThan(18);
  expect(families.filter((name) => !notes.includes(`\`${name}\``))).toEqual([]);
});
