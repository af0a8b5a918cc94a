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
    for (const [title, ids, ...which] of [
      ['with ids that it makes up', {}, '--exclude-path', REVOKE],
      ['with ids of things that are there', ground.ids, '--exclude-path', REVOKE],
      ['revoking keys', {}, '--include-path', REVOKE],
    ] as const) {
      process.stdout.write(`\nThe API, ${title}:\n`);
      const config = path.join(folder, 'schemathesis.toml');
      await writeFile(config, configFor(ground, ids));
      await writeFile(path.join(folder, 'hooks.py'), HOOKS);
      const args = ['--config-file', config, 'run', `${ground.url}/openapi.json`, '--max-examples', values.examples];
      const all = [...args, ...which, '--seed', values.seed, '--continue-on-failure'];
      worst = Math.max(worst, await run(judge, all, folder, [0, 1]));
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

/** Tried last and by itself: it finds the judge's own key. */
const REVOKE = '/api/v1/api-keys/{id}';
// A name that JavaScript takes for something else is refused at any depth, with 422 (web/inputs.test.ts), and no schema can say so.
const HOOKS = `import json
import schemathesis

@schemathesis.hook
def filter_body(context, body):
    try:
        return "__proto__" not in json.dumps(body)
    except (TypeError, ValueError):
        return True
`;

/**
 * Where a body of the right shape may still be refused, with 422 and the field: what it must hold depends on the connector, the action or the version, or is
 * narrower than the standard's format (e-mail addresses). */
const JUDGED_BY_CONTENT = [
  '/api/v1/members',
  '/api/v1/connections',
  '/api/v1/connections/{id}/credential',
  '/api/v1/connections/{id}/accept',
  '/api/v1/approvals/{id}/edit',
  '/api/modules/{id}/execute',
  '/api/v1/settings',
  '/api/v1/invitations/accept',
];
const ACCEPTED = ['2xx', '3xx', '401', '403', '404', '409', '422', '429'];

function configFor({ key }: Ground, ids: Record<string, string>): string {
  const operation = (match: string, value: string, ...settings: string[]): string[] => [
    '[[operations]]',
    `${match} = "${value}"`,
    ...settings,
    '',
  ];
  return [
    'request-timeout = 30.0',
    // PostgreSQL cannot store it, so it is refused everywhere, with 422 and the field (web/inputs.test.ts).
    'generation.allow-x00 = false',
    '',
    '[auth.openapi.bearer]',
    `bearer = "${key}"`,
    '',
    ...JUDGED_BY_CONTENT.flatMap((path) =>
      operation(
        'include-path',
        path,
        `checks.positive_data_acceptance.expected-statuses = ${JSON.stringify(ACCEPTED)}`,
      ),
    ),
    ...Object.entries(ids).flatMap(([noun, id]) =>
      operation('include-path-regex', `^/api/v1/${noun}/`, `parameters = { "path.id" = "${id}" }`),
    ),
  ].join('\n');
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof UserError ? error.message : errorText(error)}\n`);
    process.exit(1);
  },
);
