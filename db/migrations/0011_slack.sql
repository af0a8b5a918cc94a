CREATE TABLE "attachments" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"source_id" text NOT NULL,
	"name" text NOT NULL,
	"mime_type" text DEFAULT 'text/plain' NOT NULL,
	"size" bigint DEFAULT 0 NOT NULL,
	"url" text,
	"status" text DEFAULT 'pending' NOT NULL,
	"note" text,
	"text" text,
	"image" "bytea",
	"sha256" text,
	"read_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "attachments_org_id_id_unique" UNIQUE("org_id","id"),
	CONSTRAINT "attachments_org_id_message_id_kind_source_id_unique" UNIQUE("org_id","message_id","kind","source_id"),
	CONSTRAINT "attachments_kind" CHECK (kind in ('file', 'quote', 'thread')),
	CONSTRAINT "attachments_status" CHECK (status in ('pending', 'read', 'skipped'))
);
--> statement-breakpoint
CREATE TABLE "run_feedback" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"member_id" uuid NOT NULL,
	"rating" text NOT NULL,
	"surface" text NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "run_feedback_org_id_run_id_member_id_unique" UNIQUE("org_id","run_id","member_id"),
	CONSTRAINT "run_feedback_rating" CHECK (rating in ('good', 'bad'))
);
--> statement-breakpoint
CREATE TABLE "channel_turns" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"platform" text NOT NULL,
	"tenant" text NOT NULL,
	"channel" text NOT NULL,
	"next_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "channel_turns_org_id_platform_tenant_channel_unique" UNIQUE("org_id","platform","tenant","channel")
);
--> statement-breakpoint
CREATE TABLE "request_signatures" (
	"signature" text PRIMARY KEY NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "slack_homes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"tenant" text NOT NULL,
	"external_id" text NOT NULL,
	"shows" text,
	"opened_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "slack_homes_org_id_tenant_external_id_unique" UNIQUE("org_id","tenant","external_id")
);
--> statement-breakpoint
CREATE TABLE "slack_installations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"tenant" text NOT NULL,
	"is_enterprise" boolean DEFAULT false NOT NULL,
	"team_name" text NOT NULL,
	"app_id" text,
	"bot_user_id" text NOT NULL,
	"bot_id" text,
	"scopes" text[] DEFAULT '{}' NOT NULL,
	"source" text NOT NULL,
	"key_id" text,
	"sealed" "bytea",
	"expires_at" timestamp (3) with time zone,
	"status" text DEFAULT 'active' NOT NULL,
	"problem" text,
	"installed_by" uuid,
	"heard_at" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "slack_installations_org_id_id_unique" UNIQUE("org_id","id"),
	CONSTRAINT "slack_installations_org_id_tenant_unique" UNIQUE("org_id","tenant"),
	CONSTRAINT "slack_installations_status" CHECK (status in ('active', 'revoked', 'uninstalled'))
);
--> statement-breakpoint
CREATE TABLE "slack_links" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"tenant" text NOT NULL,
	"external_id" text NOT NULL,
	"token_hash" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_at" timestamp (3) with time zone,
	"used_by" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "slack_links_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "slack_live" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"tenant" text NOT NULL,
	"channel" text NOT NULL,
	"thread" text NOT NULL,
	"mode" text DEFAULT 'none' NOT NULL,
	"ts" text,
	"stream_started_at" timestamp (3) with time zone,
	"shown" jsonb,
	"session" text,
	"session_at" timestamp (3) with time zone,
	"next_show_at" timestamp (3) with time zone NOT NULL,
	"closed_at" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "slack_live_org_id_run_id_unique" UNIQUE("org_id","run_id"),
	CONSTRAINT "slack_live_mode" CHECK (mode in ('none', 'stream', 'edits'))
);
--> statement-breakpoint
CREATE TABLE "slack_oauth_states" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"member_id" uuid NOT NULL,
	"state_hash" text NOT NULL,
	"key_id" text NOT NULL,
	"sealed" "bytea" NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "slack_oauth_states_state_hash_unique" UNIQUE("state_hash")
);
--> statement-breakpoint
CREATE TABLE "slack_people" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"tenant" text NOT NULL,
	"external_id" text NOT NULL,
	"name" text NOT NULL,
	"email" text,
	"team_id" text,
	"is_bot" boolean NOT NULL,
	"is_guest" boolean NOT NULL,
	"is_stranger" boolean NOT NULL,
	"is_deactivated" boolean NOT NULL,
	"fetched_at" timestamp (3) with time zone NOT NULL,
	"told_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "slack_people_org_id_tenant_external_id_unique" UNIQUE("org_id","tenant","external_id")
);
--> statement-breakpoint
CREATE TABLE "slack_posts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"org_id" uuid NOT NULL,
	"key" text NOT NULL,
	"part" integer DEFAULT 0 NOT NULL,
	"tenant" text NOT NULL,
	"channel" text NOT NULL,
	"thread" text NOT NULL,
	"state" text DEFAULT 'intended' NOT NULL,
	"intended_at" timestamp (3) with time zone NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"ts" text,
	"shows" text,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "slack_posts_org_id_key_part_unique" UNIQUE("org_id","key","part"),
	CONSTRAINT "slack_posts_state" CHECK (state in ('intended', 'posted'))
);
--> statement-breakpoint
ALTER TABLE "inbound_events" DROP CONSTRAINT "inbound_outcome";--> statement-breakpoint
ALTER TABLE "threads" ADD COLUMN "is_direct" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "attachments" ADD CONSTRAINT "attachments_org_id_message_id_messages_org_id_id_fk" FOREIGN KEY ("org_id","message_id") REFERENCES "public"."messages"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_feedback" ADD CONSTRAINT "run_feedback_org_id_run_id_runs_org_id_id_fk" FOREIGN KEY ("org_id","run_id") REFERENCES "public"."runs"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_feedback" ADD CONSTRAINT "run_feedback_org_id_member_id_members_org_id_id_fk" FOREIGN KEY ("org_id","member_id") REFERENCES "public"."members"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "channel_turns" ADD CONSTRAINT "channel_turns_org_id_orgs_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."orgs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_homes" ADD CONSTRAINT "slack_homes_org_id_orgs_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."orgs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_installations" ADD CONSTRAINT "slack_installations_org_id_orgs_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."orgs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_installations" ADD CONSTRAINT "slack_installations_org_id_installed_by_members_org_id_id_fk" FOREIGN KEY ("org_id","installed_by") REFERENCES "public"."members"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_links" ADD CONSTRAINT "slack_links_org_id_orgs_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."orgs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_links" ADD CONSTRAINT "slack_links_org_id_used_by_members_org_id_id_fk" FOREIGN KEY ("org_id","used_by") REFERENCES "public"."members"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_live" ADD CONSTRAINT "slack_live_org_id_run_id_runs_org_id_id_fk" FOREIGN KEY ("org_id","run_id") REFERENCES "public"."runs"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_oauth_states" ADD CONSTRAINT "slack_oauth_states_org_id_orgs_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."orgs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_oauth_states" ADD CONSTRAINT "slack_oauth_states_org_id_member_id_members_org_id_id_fk" FOREIGN KEY ("org_id","member_id") REFERENCES "public"."members"("org_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_people" ADD CONSTRAINT "slack_people_org_id_orgs_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."orgs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slack_posts" ADD CONSTRAINT "slack_posts_org_id_orgs_id_fk" FOREIGN KEY ("org_id") REFERENCES "public"."orgs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attachments_org_id_thread_id_index" ON "attachments" USING btree ("org_id","thread_id");--> statement-breakpoint
CREATE UNIQUE INDEX "slack_installations_tenant" ON "slack_installations" USING btree ("tenant") WHERE status = 'active';--> statement-breakpoint
CREATE INDEX "slack_links_org_id_tenant_external_id_index" ON "slack_links" USING btree ("org_id","tenant","external_id");--> statement-breakpoint
CREATE INDEX "slack_live_open" ON "slack_live" USING btree ("updated_at") WHERE closed_at is null;--> statement-breakpoint
CREATE INDEX "slack_posts_org_id_tenant_channel_ts_index" ON "slack_posts" USING btree ("org_id","tenant","channel","ts");--> statement-breakpoint
ALTER TABLE "inbound_events" ADD CONSTRAINT "inbound_outcome" CHECK (outcome in ('run', 'command', 'refused', 'ignored'));