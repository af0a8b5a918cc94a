import { policyFields, settingsFields } from '#core/policy.ts';
import { changeSettings, readSettings, type Settings } from '#db/settings.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { createApi, createRoute, failures, json, secured, z, type Api, zField } from './define.ts';

const zPolicyPart = z.object(policyFields());
const zSettingsPart = z.object(settingsFields());
const zVersion = z.string().length(64);

const zSettings = z
  .object({
    /** Send it with a change: another one by then means somebody else was faster. */
    version: zVersion,
    name: z.string(),
    policy: zPolicyPart.extend({ version: z.int(), approverRoles: z.array(z.string()) }),
    settings: zSettingsPart,
    /** `host:port` that may be reached although private: set by whoever runs the server (ABETWORKS_EGRESS_ALLOW). */
    operatorHosts: z.array(z.string()),
    /** Sentences about what would bite later. */
    warnings: z.array(z.string()),
  })
  .openapi('Settings');

const zChange = z.strictObject({
  version: zVersion,
  name: zField(100).optional(),
  policy: z.strictObject(policyFields()).partial().optional(),
  settings: z.strictObject(settingsFields()).partial().optional(),
});

/** What Swagger UI fills in; from the patterns it would make up hosts of random letters. */
const EXAMPLE = {
  version: '0'.repeat(64),
  policy: { approverRoles: ['owner', 'admin'], dailyCostCapNanos: 20_000_000_000 },
  settings: { egressHosts: ['api.example.com', '*.example.org'] },
};

/** What the org lets happen by itself, who decides, what may be reached and what it may cost. */
export function settingsRoutes({ db, config }: Pick<WebDeps, 'db' | 'config'>): Api {
  const api = createApi();
  const shown = ({ version, name, policy, settings, warnings }: Settings & { warnings: string[] }) => ({
    version,
    name,
    policy,
    settings,
    operatorHosts: [...config.ABETWORKS_EGRESS_ALLOW],
    warnings,
  });

  const get = createRoute({
    method: 'get',
    path: '/api/v1/settings',
    ...secured('policy.read'),
    summary: 'The organisation’s policy, hosts, caps and retention',
    responses: { 200: json(zSettings, 'With the version that a change must carry'), ...failures },
  });
  api.openapi(get, async (c) => c.json(shown(await db.withOrg(actorOf(c).orgId, readSettings)), 200));

  const change = createRoute({
    method: 'patch',
    path: '/api/v1/settings',
    ...secured('policy.manage'),
    summary: 'Change what is given; approvals that wait keep the policy they were asked under',
    request: { body: { required: true, content: { 'application/json': { schema: zChange, example: EXAMPLE } } } },
    responses: { 200: json(zSettings, 'Changed'), ...failures },
  });
  api.openapi(change, async (c) => {
    const actor = actorOf(c);
    const { version, ...wanted } = c.req.valid('json');
    const changed = await db.withOrg(actor.orgId, (org) => changeSettings(org, actor, version, wanted));
    return c.json(shown(changed), 200);
  });
  return api;
}
