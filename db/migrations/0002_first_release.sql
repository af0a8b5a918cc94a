CREATE TABLE "thread_summaries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"up_to_seq" integer NOT NULL,
	"text" text NOT NULL,
	"outside" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"provider" text NOT NULL,
	"model" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "thread_summaries_org_id_thread_id_up_to_seq_unique" UNIQUE("org_id","thread_id","up_to_seq")
);
--> statement-breakpoint
CREATE TABLE "password_resets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"member_id" uuid NOT NULL,
	"token_hash" text NOT NULL,
	"created_by" uuid,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "password_resets_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "model_prices" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"provider" text NOT NULL,
	"model" text NOT NULL,
	"input_nanos" bigint NOT NULL,
	"cached_input_nanos" bigint,
	"cache_write_nanos" bigint,
	"output_nanos" bigint NOT NULL,
	"set_by" uuid NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "model_prices_org_id_provider_model_unique" UNIQUE("org_id","provider","model")
);
--> statement-breakpoint
ALTER TABLE "approval_cards" ADD COLUMN "edit_attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "approval_cards" ADD COLUMN "next_edit_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "approvals" ADD COLUMN "supersedes" uuid;--> statement-breakpoint
ALTER TABLE "approvals" ADD COLUMN "edited_by" uuid[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "connections" ADD COLUMN "offered" jsonb;--> statement-breakpoint
ALTER TABLE "connections" ADD COLUMN "health" text DEFAULT 'unknown' NOT NULL;--> statement-breakpoint
ALTER TABLE "connections" ADD COLUMN "health_text" text;--> statement-breakpoint
ALTER TABLE "connections" ADD COLUMN "health_checked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "connections" ADD COLUMN "health_since" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "connections" ADD COLUMN "next_check_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "orgs" ADD COLUMN "settings" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "model_calls" ADD COLUMN "cache_write_tokens" integer;--> statement-breakpoint
ALTER TABLE "model_calls" ADD COLUMN "http_status" integer;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "again_of" uuid;--> statement-breakpoint
ALTER TABLE "tool_calls" ADD COLUMN "edited_by" uuid[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "thread_summaries" ADD CONSTRAINT "thread_summaries_org_id_thread_id_threads_org_id_id_fk" FOREIGN KEY ("org_id","thread_id") REFERENCES "public"."threads"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "password_resets" ADD CONSTRAINT "password_resets_org_id_member_id_members_org_id_id_fk" FOREIGN KEY ("org_id","member_id") REFERENCES "public"."members"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_prices" ADD CONSTRAINT "model_prices_org_id_set_by_members_org_id_id_fk" FOREIGN KEY ("org_id","set_by") REFERENCES "public"."members"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "approvals" ADD CONSTRAINT "approvals_org_id_supersedes_approvals_org_id_id_fk" FOREIGN KEY ("org_id","supersedes") REFERENCES "public"."approvals"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "effects_org_id_state_created_at_id_index" ON "effects" USING btree ("org_id","state","created_at","id");--> statement-breakpoint
CREATE INDEX "audit_log_org_id_action_seq_index" ON "audit_log" USING btree ("org_id","action","seq");--> statement-breakpoint
CREATE INDEX "audit_log_org_id_actor_seq_index" ON "audit_log" USING btree ("org_id","actor","seq");--> statement-breakpoint
CREATE INDEX "audit_log_org_id_target_id_seq_index" ON "audit_log" USING btree ("org_id","target_id","seq");--> statement-breakpoint
CREATE INDEX "audit_log_org_id_at_index" ON "audit_log" USING btree ("org_id","at");--> statement-breakpoint
CREATE INDEX "connections_next_check" ON "connections" USING btree ("next_check_at") WHERE next_check_at is not null and status = 'active';--> statement-breakpoint
CREATE INDEX "model_calls_org_id_provider_model_created_at_index" ON "model_calls" USING btree ("org_id","provider","model","created_at");--> statement-breakpoint
CREATE INDEX "runs_org_id_status_created_at_id_index" ON "runs" USING btree ("org_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "runs_org_id_ended_at_index" ON "runs" USING btree ("org_id","ended_at");--> statement-breakpoint
ALTER TABLE "connections" ADD CONSTRAINT "connections_health" CHECK (health in ('unknown', 'up', 'down'));