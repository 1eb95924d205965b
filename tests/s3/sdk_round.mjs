// The round of the AWS SDK for JavaScript v3 with lib-storage, and of minio-js.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';

const [endpoint, bucket, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const {
  S3Client, PutObjectCommand, GetObjectCommand, HeadObjectCommand, DeleteObjectCommand, DeleteObjectsCommand,
  CopyObjectCommand, ListObjectsV2Command, ListBucketsCommand, HeadBucketCommand, paginateListObjectsV2,
  waitUntilObjectExists, waitUntilObjectNotExists,
} = require('@aws-sdk/client-s3');
const { Upload } = require('@aws-sdk/lib-storage');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { createPresignedPost } = require('@aws-sdk/s3-presigned-post');
const Minio = require('minio');

const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};
const large = Buffer.from(Uint8Array.from({ length: 12_000_000 }, (_, at) => (at ^ (at >> 9)) & 255));

async function aws() {
  const client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true });
  const at = Key => ({ Bucket: bucket, Key: `js/${Key}` });
  const read = async (Key, more) => {
    const { Body } = await client.send(new GetObjectCommand({ ...at(Key), ...more }));
    return Buffer.from(await Body.transformToByteArray());
  };
  await client.send(new HeadBucketCommand({ Bucket: bucket }));
  assert((await client.send(new ListBucketsCommand({}))).Buckets.some(({ Name }) => Name === bucket));

  const put = await client.send(new PutObjectCommand({ ...at('a b+é.txt'), Body: 'content', ContentType: 'text/plain' }));
  assert.equal(put.ETag, '"9a0364b9e99bb480dd25e1f0284c8555"');
  assert.equal((await read('a b+é.txt')).toString(), 'content');
  // a stream arrives in aws-chunked coding with a checksum in the trailer; neither may be stored
  await client.send(new PutObjectCommand({ ...at('stream'), Body: Readable.from([large]), ContentLength: large.length }));
  assert(large.equals(await read('stream')));
  const head = await client.send(new HeadObjectCommand({ ...at('stream'), ChecksumMode: 'ENABLED' }));
  assert.equal(head.ContentLength, large.length);
  assert.equal(head.ContentEncoding, undefined);
  assert.equal((await read('stream', { Range: 'bytes=5-9' })).toString('hex'), large.subarray(5, 10).toString('hex'));

  const upload = new Upload({
    client, params: { ...at('parts'), Body: Readable.from([large]), Metadata: { a: '1' } }, partSize: 5 * 1024 * 1024,
  });
  const events = [];
  upload.on('httpUploadProgress', ({ loaded }) => events.push(loaded));
  const done = await upload.done();
  assert(done.ETag.endsWith('-3"'), done.ETag);
  assert.equal(Math.max(...events), large.length);
  assert(large.equals(await read('parts')));
  const stopped = new Upload({ client, params: { ...at('stopped'), Body: large }, partSize: 5 * 1024 * 1024 });
  const outcome = stopped.done().then(() => 'done', error => error.name);
  await stopped.abort();
  assert.equal(await outcome, 'AbortError');

  await client.send(new CopyObjectCommand({ ...at('copy'), CopySource: `${bucket}/js/${encodeURIComponent('a b+é.txt')}` }));
  await waitUntilObjectExists({ client, maxWaitTime: 9 }, at('copy'));
  const keys = [];
  for await (const page of paginateListObjectsV2({ client, pageSize: 2 }, { Bucket: bucket, Prefix: 'js/' })) {
    keys.push(...page.Contents.map(({ Key }) => Key));
  }
  assert.deepEqual(keys, ['js/a b+é.txt', 'js/copy', 'js/parts', 'js/stream']);
  const folders = await client.send(new ListObjectsV2Command({ Bucket: bucket, Delimiter: '/', Prefix: 'js' }));
  assert.deepEqual(folders.CommonPrefixes, [{ Prefix: 'js/' }]);
  await assert.rejects(client.send(new GetObjectCommand(at('missing'))), { name: 'NoSuchKey' });
  await assert.rejects(client.send(new HeadObjectCommand(at('missing'))), { name: 'NotFound' });

  const signed = await getSignedUrl(client, new GetObjectCommand(at('copy')), { expiresIn: 60 });
  assert.equal(await (await fetch(signed)).text(), 'content');
  const target = await getSignedUrl(client, new PutObjectCommand({ ...at('put'), ContentType: 'text/own' }), { expiresIn: 60 });
  const stored = await fetch(target, { method: 'PUT', body: 'put', headers: { 'Content-Type': 'text/own' } });
  assert.equal(stored.status, 200, await stored.text());
  const { url, fields } = await createPresignedPost(client, {
    ...at('form'), Conditions: [['content-length-range', 1, 10], ['starts-with', '$Content-Type', 'text/']], Expires: 60,
    Fields: { 'Content-Type': 'text/own' },
  });
  for (const [content, status] of [['form', 204], ['longer than ten', 400]]) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([content]));
    assert.equal((await fetch(url, { method: 'POST', body: form })).status, status);
  }
  assert.equal((await read('form')).toString(), 'form');

  await client.send(new DeleteObjectCommand(at('put')));
  await waitUntilObjectNotExists({ client, maxWaitTime: 9 }, at('put'));
  const Objects = [...keys, 'js/form'].map(Key => ({ Key }));
  const deleted = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
  assert.equal(deleted.Deleted.length, 5);
  assert.equal((await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'js/' }))).KeyCount, 0);
  // no path style was asked for, but an address has no subdomains
  const usual = new S3Client({ endpoint, region: 'eu-central-1', credentials });
  await usual.send(new ListObjectsV2Command({ Bucket: bucket }));
  console.log('AWS SDK for JavaScript: whole round');
}

async function minio() {
  const { hostname, port } = new URL(endpoint);
  const client = new Minio.Client({
    endPoint: hostname, port: +port, useSSL: false, accessKey: credentials.accessKeyId, secretKey: credentials.secretAccessKey,
  });
  assert(await client.bucketExists(bucket));
  assert(!await client.bucketExists('not-a-bucket'));
  await client.putObject(bucket, 'minio-js/a b.txt', 'content', 7, { 'Content-Type': 'text/plain', 'X-Amz-Meta-A': '1' });
  await client.putObject(bucket, 'minio-js/large', Readable.from([large]));
  const collect = async stream => Buffer.concat(await stream.toArray());
  assert(large.equals(await collect(await client.getObject(bucket, 'minio-js/large'))));
  assert.equal((await collect(await client.getPartialObject(bucket, 'minio-js/a b.txt', 2, 3))).toString(), 'nte');
  const { size, metaData } = await client.statObject(bucket, 'minio-js/a b.txt');
  assert.equal(size, 7);
  assert.equal(metaData.a, '1');
  for (const stream of [client.listObjects(bucket, 'minio-js/', true), client.listObjectsV2(bucket, 'minio-js/', true)]) {
    assert.deepEqual((await stream.toArray()).map(({ name }) => name), ['minio-js/a b.txt', 'minio-js/large']);
  }
  assert.equal(await (await fetch(await client.presignedGetObject(bucket, 'minio-js/a b.txt', 60))).text(), 'content');
  const put = await fetch(await client.presignedPutObject(bucket, 'minio-js/put', 60), { method: 'PUT', body: 'put' });
  assert.equal(put.status, 200, await put.text());
  await client.removeObject(bucket, 'minio-js/put');
  await client.removeObjects(bucket, ['minio-js/a b.txt', 'minio-js/large']);
  assert.deepEqual(await client.listObjects(bucket, 'minio-js/', true).toArray(), []);
  await assert.rejects(client.statObject(bucket, 'minio-js/missing'), { code: 'NotFound' });
  console.log('minio-js: whole round');
}

await aws();
await minio();
