import type { Auth } from '#web/auth/index.ts';
import { body, createApi, createRoute, failures, json, z, zUuid, type Api } from './define.ts';

const zAccept = z.object({ token: z.string().min(1).max(200), password: z.string().max(1000) });
const zAccepted = z.object({
  memberId: zUuid,
  /** An API key of their own, shown once. */
  key: z.string(),
});

/** The one route that lets a stranger in: with a token that an admin made. */
export function invitationRoutes(auth: Auth): Api {
  const api = createApi();
  const accept = createRoute({
    method: 'post',
    path: '/api/v1/invitations/accept',
    summary: 'Join with an invitation',
    request: body(zAccept),
    responses: { 200: json(zAccepted, 'You are in'), ...failures },
  });
  api.openapi(accept, async (c) => {
    const { token, password } = c.req.valid('json');
    const address = c.env?.incoming?.socket?.remoteAddress;
    const accepted = await auth.acceptInvitation(token, password, {
      withKey: true,
      ...(address !== undefined && { address }),
    });
    return c.json({ memberId: accepted.memberId, key: accepted.key ?? '' }, 200);
  });
  return api;
}
