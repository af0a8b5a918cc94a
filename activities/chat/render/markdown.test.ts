import { expect, test } from 'vitest';
import { renderMarkdown } from './markdown.ts';

const render = (text: string, linkHosts: string[] = []) => renderMarkdown(text, { linkHosts }).trim();

test('T4 a link to a host that is not listed becomes its words and address', () => {
  expect(render('[pay here](https://evil.example/x)')).toBe('<p>pay here (https://evil.example/x)</p>');
  expect(render('[pay][1]\n\n[1]: https://evil.example/ref')).toBe('<p>pay (https://evil.example/ref)</p>');
  expect(render('<https://evil.example/auto>')).toBe('<p>https://evil.example/auto</p>');
  expect(render('see https://evil.example')).toBe('<p>see https://evil.example</p>');
});

test('T4 a link to a listed host stays one, but not with a user name, another port or another scheme', () => {
  expect(render('[ERP](https://erp.example/1)', ['ERP.example'])).toBe(
    '<p><a href="https://erp.example/1" rel="noopener noreferrer nofollow" target="_blank">ERP</a></p>',
  );
  for (const address of [
    'https://erp.example@evil.example/',
    'https://a@erp.example/',
    'https://:b@erp.example/',
    'https://erp.example:8443/',
    'ftp://erp.example/',
    '//erp.example/',
    '/approvals/1',
    'mailto:a@erp.example',
  ])
    expect(render(`[x](${address})`, ['erp.example'])).not.toContain('<a');
});

test('T4 raw HTML is text and images are dropped', () => {
  expect(render('<script>alert(1)</script>')).not.toContain('<script');
  expect(render('<img src=x onerror=alert(1)>')).not.toContain('<img');
  expect(render('![a cat](https://evil.example/c.png)')).toBe('<p>a cat</p>');
  expect(render('[![a](https://evil.example/c.png)](https://evil.example)')).not.toMatch(/<img|<a/);
  expect(render('[x](javascript:alert(1))')).not.toContain('<a');
});

test('headings of an answer never outrank those of the page', () => {
  expect(render('# Total')).toBe('<h4>Total</h4>');
});
