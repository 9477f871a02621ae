# kernel: the embedded kernel, a root task cannot tell it from seL4. Nothing above may include it.
kernel_USES := abi
