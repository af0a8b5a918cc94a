import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { errorText } from '#core/errors.ts';
import { createTestDatabase } from '#test/setup/database.ts';

test("what is logged of a failed query is the database's words, and never what the query carried", async () => {
  const { db, drop } = await createTestDatabase();
  try {
    const failed: unknown = await db.global.execute(sql`select ${'canary'}::text from nowhere`).catch((error) => error);
    expect(String(failed)).toContain('canary');
    expect(errorText(failed)).toBe('database: relation "nowhere" does not exist');
  } finally {
    await drop();
  }
});
