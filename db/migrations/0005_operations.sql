CREATE INDEX "inbound_events_org_id_created_at_index" ON "inbound_events" USING btree ("org_id","created_at");--> statement-breakpoint
-- Metrics count what models cost: no error texts, no request ids.
CREATE POLICY system_read ON model_calls FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
GRANT SELECT (id, org_id, provider, model, status, input_tokens, cached_input_tokens, output_tokens, cost_nanos, created_at, ended_at) ON model_calls TO abw_system;
--> statement-breakpoint
-- Which keys are still needed is asked before any org is known. Sealed bytes are not granted.
CREATE POLICY system_read ON credentials FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
GRANT SELECT (org_id, key_id) ON credentials TO abw_system;
--> statement-breakpoint
-- Votes are only ever added by the app role. They leave with their run when its time is up, never before it has ended.
CREATE POLICY system_read ON approval_votes FOR SELECT TO abw_system USING (true);
--> statement-breakpoint
CREATE POLICY system_prune ON approval_votes FOR DELETE TO abw_system USING (EXISTS (
  SELECT 1 FROM approvals a JOIN runs r ON r.org_id = a.org_id AND r.id = a.run_id
  WHERE a.org_id = approval_votes.org_id AND a.id = approval_votes.approval_id AND r.ended_at < now() - interval '23 hours'));
--> statement-breakpoint
GRANT SELECT (id, org_id, approval_id), DELETE ON approval_votes TO abw_system;
--> statement-breakpoint
-- Events of tenants that belong to no org: kept at least as long as a platform may send them again.
CREATE POLICY system_prune ON inbound_events FOR DELETE TO abw_system USING (org_id IS NULL AND created_at < now() - interval '7 days');
--> statement-breakpoint
GRANT DELETE ON inbound_events TO abw_system;
