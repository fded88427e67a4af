// Signs as AWS's own signer does. Reads a JSON list of inputs of the signer from standard input, writes a list of
// { url, cookies } to standard output.
import { text } from 'node:stream/consumers';
import { getSignedCookies, getSignedUrl } from '@aws-sdk/cloudfront-signer';

const inputs = JSON.parse(await text(process.stdin));
const outputs = inputs.map((input) => ({ url: getSignedUrl(input), cookies: getSignedCookies(input) }));
process.stdout.write(JSON.stringify(outputs));
