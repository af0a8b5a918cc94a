/** The panel as a signed-in person's browser asks for it, without a browser. */
export interface Panel {
  get(path: string): Promise<Page>;
  /** Sends a form. */
  post(path: string, fields?: Record<string, string>): Promise<Page>;
}
export interface Page {
  status: number;
  /** Where it leads, or ''. */
  location: string;
  /** With every run of white space as one space. */
  text: string;
}

/** Signs in as the page does. Throws when that fails. */
export async function openPanel(url: string, { email, password }: { email: string; password: string }): Promise<Panel> {
  const ask = async (path: string, cookie: string, fields?: Record<string, string>): Promise<[Page, Headers]> => {
    const answer = await fetch(new URL(path, url), {
      method: fields ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { origin: new URL(url).origin, cookie },
      ...(fields ? { body: new URLSearchParams(fields) } : {}),
    });
    const text = (await answer.text()).replaceAll(/\s+/g, ' ');
    return [{ status: answer.status, location: answer.headers.get('location') ?? '', text }, answer.headers];
  };
  const [signedIn, headers] = await ask('/sign-in', '', { email, password, next: '/' });
  if (signedIn.status !== 303) throw new Error(`could not sign in: ${signedIn.status}`);
  const cookie = headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  return {
    get: async (path) => (await ask(path, cookie))[0],
    post: async (path, fields = {}) => (await ask(path, cookie, fields))[0],
  };
}
