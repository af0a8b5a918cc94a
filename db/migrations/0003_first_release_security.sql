DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['thread_summaries', 'password_resets', 'model_prices'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format($p$CREATE POLICY org_isolation ON %I TO abw_app
      USING (org_id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid))
      WITH CHECK (org_id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid))$p$, name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO abw_app', name);
  END LOOP;
END $$;
--> statement-breakpoint
-- A reset link is found before its org is known.
CREATE POLICY system_read ON password_resets FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
GRANT SELECT ON password_resets TO abw_system;
--> statement-breakpoint
-- The sweeper looks for connections to check: ids and times only.
CREATE POLICY system_read ON connections FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
GRANT SELECT (id, org_id, connector, status, next_check_at) ON connections TO abw_system;
--> statement-breakpoint
ALTER TABLE messages ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('simple', left(text, 20000))) STORED;
--> statement-breakpoint
CREATE INDEX messages_search ON messages USING gin (search);
--> statement-breakpoint
-- Under row security no index serves `@@` (it is not leakproof), so a search asks the system role for ids within its org, and reads the rows as the app role. Texts are not granted.
CREATE POLICY system_search ON messages FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
GRANT SELECT (id, org_id, thread_id, run_id, role, search, created_at) ON messages TO abw_system;
