import { defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { Activities } from '#activities/index.ts';
import { OPENED, type HomeRef } from './names.ts';

const opened = defineSignal(OPENED);

const { publishHome, suggestPrompts } = proxyActivities<Activities>({
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: '15 seconds',
  retry: {
    maximumAttempts: 5,
    initialInterval: '500 milliseconds',
    maximumInterval: '30 seconds',
    nonRetryableErrorTypes: ['UserError', 'ZodError'],
  },
});

/** What a person sees when they open the app: their App Home, or in an empty direct message what to ask. However often it is opened meanwhile, it is shown once more. */
export async function speakHome({ channel, ...home }: HomeRef): Promise<void> {
  let isAgain = false;
  setHandler(opened, () => {
    isAgain = true;
  });
  do {
    isAgain = false;
    if (channel === undefined) await publishHome(home);
    else await suggestPrompts({ orgId: home.orgId, tenant: home.tenant, channel });
  } while (isAgain);
}
