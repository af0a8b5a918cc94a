import { DefaultFailureConverter } from '@temporalio/common';

// Messages and stacks of failures are payloads too: encrypted with the rest. Loaded by path into client, worker and bundle.
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
