/* operation.h - the closed list of S3 requests, and the fields of each
 *
 * One table says which fields an operation needs and may have; door, vault and
 * client all go by it.  Allocation-free, for the vault.
 */
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/s3/place.h"
#include "protocol/s3/sigv4.h"

#define S3_UPLOAD_ID_MAX 1024
#define S3_TOKEN_MAX     2048
#define S3_EXPIRES_MAX   3600 /* seconds */
#define S3_EXPIRES_USUAL 300
#define S3_PART_MAX      10000
#define S3_CONTENT_MAX   (5ULL << 30) /* bytes in one PUT */
#define S3_MAX_KEYS_MAX  1000
#define S3_MD5_LEN       16

enum s3_operation {
	S3_GET_OBJECT,
	S3_HEAD_OBJECT,
	S3_PUT_OBJECT,
	S3_LIST_OBJECTS_V2,
	S3_CREATE_MULTIPART_UPLOAD,
	S3_UPLOAD_PART,
	S3_COMPLETE_MULTIPART_UPLOAD,
	S3_ABORT_MULTIPART_UPLOAD,
	S3_LIST_PARTS,
	S3_LIST_MULTIPART_UPLOADS,
	S3_DELETE_OBJECT,
	S3_OPERATION_COUNT,
};

/* "GetObject" and so on; also the enum of the varlink interface. */
const char *s3_operation_name(enum s3_operation operation);
must_check int s3_operation_parse(struct bytes name,
                                  enum s3_operation *ret_operation);
const char *s3_operation_method(enum s3_operation operation);

/* Every text is borrowed; an empty one (data NULL) is "not given". */
struct s3_object_request {
	enum s3_operation operation;
	struct bytes key; /* relative to the cache's prefix */
	uint32_t expires; /* seconds; 0: S3_EXPIRES_USUAL */
	bool has_content_length;
	uint64_t content_length;
	bool has_content_md5;
	uint8_t content_md5[S3_MD5_LEN];
	bool if_none_match; /* If-None-Match: * */
	struct bytes upload_id;
	uint32_t part_number;     /* 0: not given */
	struct bytes prefix;      /* relative to the cache's prefix */
	struct bytes start_after; /* likewise */
	struct bytes continuation_token;
	struct bytes key_marker;       /* likewise; ListMultipartUploads */
	struct bytes upload_id_marker; /* ListMultipartUploads */
	uint32_t max_keys;             /* 0: not given */
	uint32_t part_number_marker;   /* ListParts; 0: not given */
};

/* NULL if the request is well-formed, else the name of the first field that is
 * missing, not allowed for this operation, or out of its grammar or range
 * ("key", "contentLength", ...: the varlink names).  PutObject and UploadPart
 * need contentLength. */
const char *s3_object_request_check(const struct s3_object_request *request);

/* Memory for the parts of one request; borrowed by the sigv4_request. */
#define S3_QUERY_MAX   8
#define S3_HEADERS_MAX 4
struct s3_scratch {
	char text[8192];
	struct sigv4_pair query[S3_QUERY_MAX];
	struct sigv4_pair headers[S3_HEADERS_MAX];
};

/* Turns a checked request into what is to be signed: UNSIGNED-PAYLOAD, also
 * as a query pair.  0 or -EMSGSIZE. */
must_check int s3_object_request_build(const struct s3_place *place,
                                       const struct s3_object_request *request,
                                       struct s3_scratch *scratch,
                                       struct sigv4_request *ret_request);
