import { z } from 'zod';
import { zRole } from './roles.ts';

/** What an org lets happen by itself and who decides the rest. Stored with a version that is part of every approved payload (RULES A1). */
export const zPolicy = z.object({
  version: z.int().min(1).default(1),
  /** `approve`: waits for a person. `run`: goes on by itself, unless the run is tainted (RULES T2). */
  write: z.enum(['approve', 'run']).default('approve'),
  destructive: z.enum(['approve', 'run']).default('approve'),
  approverRoles: z.array(zRole).default(['owner', 'admin']),
  approverMembers: z.array(z.guid()).default([]),
  /** How long a person has to decide. */
  approvalExpiresAfterMs: z
    .int()
    .min(60_000)
    .default(24 * 3_600_000),
  /** How long a decision may wait for its use (RULES A5). */
  useWithinMs: z
    .int()
    .min(60_000)
    .default(24 * 3_600_000),
  /** What models may cost the org in one UTC day, in nano-USD. */
  dailyCostCapNanos: z.int().min(0).default(20_000_000_000),
  /** Hosts whose links stay links in chat and pages (RULES T4). */
  linkHosts: z.array(z.string()).default([]),
});
export type Policy = z.infer<typeof zPolicy>;

export const defaultPolicy = (): Policy => zPolicy.parse({});

/** What an org sets beside its policy. Every field has a default, so that an empty object is valid. */
export const zOrgSettings = z.object({
  /** Hosts that connections may reach, `example.com` or `*.example.com`; empty: any public host. Private ones stay the operator's (ABETWORKS_EGRESS_ALLOW). */
  egressHosts: z
    .array(
      z
        .string()
        .trim()
        .toLowerCase()
        .regex(/^(\*\.)?[a-z0-9.-]+(:\d{1,5})?$/, 'must be a host such as example.com or *.example.com'),
    )
    .max(200)
    .default([]),
  /** What models may cost one run, in nano-USD. */
  runCostCapNanos: z.int().min(0).default(5_000_000_000),
  /** Requests of one member under way at once. */
  activeRunsPerMember: z.int().min(1).max(1000).default(20),
  /** Days that things are kept after they ended; null: for ever. */
  retention: z
    .object({
      runsDays: z.int().min(1).max(3650).nullable().default(null),
      eventsDays: z.int().min(7).max(3650).nullable().default(90),
    })
    .default({ runsDays: null, eventsDays: 90 }),
});
export type OrgSettings = z.infer<typeof zOrgSettings>;
export type OrgSettingsInput = z.input<typeof zOrgSettings>;
