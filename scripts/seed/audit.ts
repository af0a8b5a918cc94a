import type postgres from 'postgres';
import { auditHash, GENESIS } from '#db/audit.ts';

interface Source {
  at: string;
  actor: string;
  action: string;
  target_type: string;
  target_id: string;
}

const AT_ONCE = 2_000;

/** Chains what the batch's runs would have left behind onto the org's audit, as db/audit.ts does it, many rows at a time. */
export async function seedAudit(tx: postgres.TransactionSql, orgId: string): Promise<void> {
  await tx`insert into audit_heads (org_id, seq, hash) values (${orgId}, 0, ${GENESIS}) on conflict do nothing`;
  const [head] = await tx<{ seq: string; hash: string }[]>`select seq, hash from audit_heads for update`;
  if (!head) throw new Error('audit head vanished');
  const sources = await tx<Source[]>`
    select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, 'member:' || member_id as actor,
      step.action, step.target_type, step.target_id from batch
    cross join lateral (values
      (1, 'run.requested', 'run', run_id::text, true),
      (2, 'approval.decided', 'approval', approval_id::text, dice % 7 = 0 and dice % 3 <> 1),
      (3, 'effect.confirmed', 'effect', effect_id::text, dice % 7 = 0 and dice % 21 <> 0)
    ) step(k, action, target_type, target_id, happened)
    where step.happened order by n, step.k`;
  let [seq, hash] = [Number(head.seq), head.hash];
  const rows = sources.map((source) => {
    seq += 1;
    const unsigned = {
      orgId,
      seq,
      at: source.at,
      actor: source.actor,
      action: source.action,
      targetType: source.target_type,
      targetId: source.target_id,
      details: '{}',
      previousHash: hash,
    };
    hash = auditHash(unsigned);
    return {
      org_id: orgId,
      seq,
      at: source.at,
      actor: source.actor,
      action: source.action,
      target_type: source.target_type,
      target_id: source.target_id,
      details: '{}',
      previous_hash: unsigned.previousHash,
      hash,
    };
  });
  for (let at = 0; at < rows.length; at += AT_ONCE) await tx`insert into audit_log ${tx(rows.slice(at, at + AT_ONCE))}`;
  await tx`update audit_heads set seq = ${seq}, hash = ${hash}`;
}
