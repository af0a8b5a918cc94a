-- Roles are cluster-wide: a second database in the same server finds them there. Granting them to ourselves with SET lets the login role take them on.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['abw_app', 'abw_system'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', name); END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    BEGIN
      EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', name);
    EXCEPTION WHEN insufficient_privilege THEN
      IF NOT pg_has_role(current_user, name, 'SET') THEN RAISE; END IF;
    END;
  END LOOP;
END $$;
--> statement-breakpoint
GRANT USAGE ON SCHEMA public TO abw_app, abw_system;
--> statement-breakpoint
-- Every tenant table: forced row-level security, one policy for the app role. The owner has no policy and sees no rows.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'members', 'invitations', 'api_keys', 'tenants', 'identities', 'idempotency_keys',
    'inbound_events', 'threads', 'messages', 'web_posts',
    'runs', 'turns', 'model_calls', 'tool_calls',
    'approvals', 'approval_votes', 'approval_cards', 'effects',
    'connections', 'credentials', 'answers', 'audit_log', 'audit_heads', 'audit_checkpoints'
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
ALTER TABLE orgs ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE orgs FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY org_isolation ON orgs TO abw_app
  USING (id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid))
  WITH CHECK (id = (SELECT nullif(current_setting('app.org_id', true), '')::uuid));
--> statement-breakpoint
GRANT SELECT, UPDATE ON orgs TO abw_app;
--> statement-breakpoint
-- History is only ever added to.
REVOKE UPDATE, DELETE ON audit_log, audit_checkpoints, approval_votes FROM abw_app;
--> statement-breakpoint
-- The system role: what must be found before an org is known, and what the sweepers look for. Reading only, but for two inserts.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'orgs', 'tenants', 'identities', 'members', 'api_keys', 'invitations', 'inbound_events', 'runs', 'approvals', 'approval_cards', 'effects',
    'audit_log', 'audit_heads', 'audit_checkpoints'
  ] LOOP
    EXECUTE format('CREATE POLICY system_read ON %I FOR SELECT TO abw_system USING (true)', name);
    EXECUTE format('GRANT SELECT ON %I TO abw_system', name);
  END LOOP;
END $$;
--> statement-breakpoint
CREATE POLICY system_insert ON orgs FOR INSERT TO abw_system WITH CHECK (true);
--> statement-breakpoint
CREATE POLICY system_insert ON inbound_events FOR INSERT TO abw_system WITH CHECK (org_id IS NULL);
--> statement-breakpoint
GRANT INSERT ON orgs, inbound_events TO abw_system;
