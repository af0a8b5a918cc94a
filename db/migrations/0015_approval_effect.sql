ALTER TABLE "approvals" ADD COLUMN "effect" text;--> statement-breakpoint
ALTER TABLE "approvals" ADD CONSTRAINT "approvals_effect" CHECK (effect in ('read', 'write', 'destructive'));