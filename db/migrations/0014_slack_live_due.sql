ALTER TABLE "effects" ADD COLUMN "question_shows" text;--> statement-breakpoint
ALTER TABLE "effects" ADD COLUMN "question_attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "effects" ADD COLUMN "next_question_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "slack_live" ADD COLUMN "due_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "slack_live" ADD COLUMN "attempts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "effects_questions" ON "effects" USING btree ("next_question_at") WHERE question_shows in ('open', 'over');--> statement-breakpoint
ALTER TABLE "effects" ADD CONSTRAINT "effects_question" CHECK (question_shows in ('open', 'over', 'answered'));--> statement-breakpoint
GRANT SELECT (next_show_at, due_at) ON slack_live TO abw_system;
