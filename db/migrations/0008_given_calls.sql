ALTER TABLE "runs" ADD COLUMN "given" jsonb;--> statement-breakpoint
CREATE INDEX "tool_calls_running" ON "tool_calls" USING btree ("org_id","connection_id") WHERE status = 'running';