ALTER TABLE "approvals" ADD COLUMN "for_members" boolean GENERATED ALWAYS AS ((policy -> 'roles' ? 'member' or policy -> 'members' <> '[]'::jsonb)) STORED;--> statement-breakpoint
ALTER TABLE "effects" ADD COLUMN "requested_by" uuid;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "platform" text DEFAULT 'web' NOT NULL;--> statement-breakpoint
-- The owner sees no rows while security is forced.
ALTER TABLE runs NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE threads NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE effects NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
UPDATE runs SET platform = t.platform FROM threads t WHERE t.org_id = runs.org_id AND t.id = runs.thread_id AND t.platform <> 'web';--> statement-breakpoint
UPDATE effects SET requested_by = r.requested_by FROM runs r WHERE r.org_id = effects.org_id AND r.id = effects.run_id;--> statement-breakpoint
ALTER TABLE runs FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE threads FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE effects FORCE ROW LEVEL SECURITY;--> statement-breakpoint
-- Neither ever changes for a run or an effect, so both are copied once, by the database: no writer can forget or invent them.
CREATE FUNCTION run_platform() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.platform := coalesce((SELECT platform FROM threads WHERE org_id = NEW.org_id AND id = NEW.thread_id), NEW.platform);
  RETURN NEW;
END $$;--> statement-breakpoint
CREATE TRIGGER run_platform BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION run_platform();--> statement-breakpoint
CREATE FUNCTION effect_requester() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.requested_by := (SELECT requested_by FROM runs WHERE org_id = NEW.org_id AND id = NEW.run_id);
  RETURN NEW;
END $$;--> statement-breakpoint
CREATE TRIGGER effect_requester BEFORE INSERT ON effects FOR EACH ROW EXECUTE FUNCTION effect_requester();--> statement-breakpoint
-- A search asks whose thread a message lies in: nobody may find what they may not read. Titles are not granted.
CREATE POLICY system_search ON threads FOR SELECT TO abw_system USING (true);--> statement-breakpoint
GRANT SELECT (id, org_id, platform, tenant, channel, created_by) ON threads TO abw_system;--> statement-breakpoint
CREATE INDEX "approvals_org_id_created_at_index" ON "approvals" USING btree ("org_id","created_at");--> statement-breakpoint
CREATE INDEX "approvals_org_id_run_id_index" ON "approvals" USING btree ("org_id","run_id");--> statement-breakpoint
CREATE INDEX "approvals_org_id_requested_by_created_at_index" ON "approvals" USING btree ("org_id","requested_by","created_at");--> statement-breakpoint
CREATE INDEX "approvals_for_members" ON "approvals" USING btree ("org_id","created_at") WHERE for_members;--> statement-breakpoint
CREATE INDEX "approvals_settled" ON "approvals" USING btree ("org_id","decided_at") WHERE status <> 'pending';--> statement-breakpoint
CREATE INDEX "effects_org_id_requested_by_created_at_index" ON "effects" USING btree ("org_id","requested_by","created_at");--> statement-breakpoint
CREATE INDEX "effects_org_id_tool_created_at_index" ON "effects" USING btree ("org_id","tool","created_at");--> statement-breakpoint
CREATE INDEX "effects_org_id_connection_id_created_at_index" ON "effects" USING btree ("org_id","connection_id","created_at");--> statement-breakpoint
CREATE INDEX "effects_org_id_external_id_index" ON "effects" USING btree ("org_id","external_id");--> statement-breakpoint
CREATE INDEX "threads_org_id_created_at_index" ON "threads" USING btree ("org_id","created_at");--> statement-breakpoint
CREATE INDEX "threads_org_id_created_by_created_at_index" ON "threads" USING btree ("org_id","created_by","created_at");--> statement-breakpoint
CREATE INDEX "runs_org_id_requested_by_status_created_at_index" ON "runs" USING btree ("org_id","requested_by","status","created_at");--> statement-breakpoint
CREATE INDEX "runs_org_id_platform_created_at_index" ON "runs" USING btree ("org_id","platform","created_at");