import { defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { Activities } from '#activities/index.ts';
import { OPENED, type HomeRef } from './names.ts';

const opened = defineSignal(OPENED);

const { publishHome } = proxyActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: '15 seconds',
  retry: {
    maximumAttempts: 5,
    initialInterval: '500 milliseconds',
    maximumInterval: '30 seconds',
    nonRetryableErrorTypes: ['UserError', 'ZodError'],
  },
});

/** Shows a person's App Home, which they have opened. However often they open it meanwhile, it is shown once more. */
export async function speakHome(home: HomeRef): Promise<void> {
  let isAgain = false;
  setHandler(opened, () => {
    isAgain = true;
  });
  do {
    isAgain = false;
    await publishHome(home);
  } while (isAgain);
}
