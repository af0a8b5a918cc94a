import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { errorText, UserError } from '#core/errors.ts';
import { startGround, type Ground } from './test-api/ground.ts';
import { installJudge, run } from './test-api/judge.ts';

// `npm run test:api`: Schemathesis judges the API by its own OpenAPI document. Twice: with ids it makes up, and with ids of things that are there.
// Exits 1 when it finds a server error, an answer that its document does not describe, or any other fault.

const { values } = parseArgs({
  options: { examples: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
});

async function main(): Promise<number> {
  const judge = await installJudge();
  const ground = await startGround();
  const folder = await mkdtemp(path.join(tmpdir(), 'abetworks-judge-'));
  try {
    let worst = 0;
    for (const [title, ids] of [
      ['with ids that it makes up', {}],
      ['with ids of things that are there', ground.ids],
    ] as const) {
      process.stdout.write(`\nThe API, ${title}:\n`);
      const config = path.join(folder, 'schemathesis.toml');
      await writeFile(config, configFor(ground, ids));
      const args = ['--config-file', config, 'run', `${ground.url}/openapi.json`, '--max-examples', values.examples];
      const code = await run(judge, [...args, '--seed', values.seed, '--continue-on-failure'], [0, 1]);
      worst = Math.max(worst, code);
    }
    const live = await fetch(`${ground.url}/health/ready`);
    if (live.ok) return worst;
    process.stderr.write(`The product is not ready any more (${live.status}):\n${ground.output()}\n`);
    return 1;
  } finally {
    await ground.end();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Its key may not be revoked, and its member not changed, by what is tried. */
function configFor({ key }: Ground, ids: Record<string, string>): string {
  const lines = ['request-timeout = 30.0', '', '[auth.openapi.bearer]', `bearer = "${key}"`, ''];
  for (const [noun, id] of Object.entries(ids))
    lines.push(
      '[[operations]]',
      `include-path-regex = "^/api/v1/${noun}/"`,
      `parameters = { "path.id" = "${id}" }`,
      '',
    );
  return lines.join('\n');
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof UserError ? error.message : errorText(error)}\n`);
    process.exit(1);
  },
);
