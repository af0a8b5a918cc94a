DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'slack_installations', 'slack_people', 'slack_links', 'slack_oauth_states', 'slack_posts', 'slack_homes', 'slack_live', 'channel_turns', 'attachments',
    'run_feedback'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format($p$CREATE POLICY org_isolation ON %I TO abw_app
      USING (org_id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid))
      WITH CHECK (org_id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid))$p$, name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO abw_app', name);
  END LOOP;
END $$;
--> statement-breakpoint
-- Whether a workspace works for an org already, and which keys are in use: never the token.
CREATE POLICY system_read ON slack_installations FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
GRANT SELECT (id, org_id, tenant, source, status, key_id, expires_at) ON slack_installations TO abw_system;
--> statement-breakpoint
CREATE POLICY system_read ON slack_oauth_states FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
GRANT SELECT (org_id, key_id, expires_at) ON slack_oauth_states TO abw_system;
--> statement-breakpoint
-- The sweeper looks for live messages that were left open.
CREATE POLICY system_read ON slack_live FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
GRANT SELECT (org_id, run_id, updated_at, closed_at) ON slack_live TO abw_system;
--> statement-breakpoint
-- A signature says nothing of its org.
GRANT SELECT, INSERT ON request_signatures TO abw_app, abw_system;
--> statement-breakpoint
GRANT DELETE ON request_signatures TO abw_system;
--> statement-breakpoint
-- Until now a direct message was told by its channel's name.
UPDATE threads SET is_direct = true WHERE platform = 'slack' AND channel LIKE 'D%';
--> statement-breakpoint
-- Whether a thread is private is asked where words are searched, too.
GRANT SELECT (is_direct) ON threads TO abw_system;
