export * from './answers.ts';
export * from './approvals.ts';
export * from './audit.ts';
export * from './auth.ts';
export * from './chat.ts';
export * from './connections.ts';
export * from './identity.ts';
export * from './runs.ts';
