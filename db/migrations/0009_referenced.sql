CREATE INDEX "approval_cards_org_id_approval_id_index" ON "approval_cards" USING btree ("org_id","approval_id");--> statement-breakpoint
CREATE INDEX "approvals_org_id_tool_call_id_index" ON "approvals" USING btree ("org_id","tool_call_id");--> statement-breakpoint
CREATE INDEX "effects_org_id_tool_call_id_index" ON "effects" USING btree ("org_id","tool_call_id");--> statement-breakpoint
CREATE INDEX "runs_org_id_message_id_index" ON "runs" USING btree ("org_id","message_id");