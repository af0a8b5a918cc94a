ALTER TABLE "approvals" ADD COLUMN "tell_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "approvals_untold" ON "approvals" USING btree ("created_at") WHERE tell_at is not null;