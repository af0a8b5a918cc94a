import type { Ear } from '#bots/slack/ears.ts';
import { contextEar } from './context.ts';
import { homeEar } from './home.ts';
import { revokedEar, uninstalledEar } from './installation.ts';
import { messageEar } from './message.ts';
import { personEar } from './person.ts';
import { sessionEar } from './session.ts';

/** Everything that something happens on. All else is remembered and left alone: reactions never decide (RULES A7). */
const EARS: readonly Ear[] = [messageEar, homeEar, contextEar, sessionEar, uninstalledEar, revokedEar, personEar];

const BY_TYPE = new Map(EARS.flatMap((ear) => ear.types.map((type) => [type, ear] as const)));
export const earFor = (type: string): Ear | undefined => BY_TYPE.get(type);
