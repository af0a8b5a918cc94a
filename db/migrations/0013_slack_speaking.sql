ALTER TABLE "approvals" ADD COLUMN "card_attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "approvals" ADD COLUMN "next_card_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "slack_posts" ADD COLUMN "lease_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "slack_posts" ADD COLUMN "sent_at" timestamp (3) with time zone;