"""Which properties a spec may set, by OpenVINO's names: the tables in short, which a session has no time to read."""

OF_CORE = frozenset(("ENABLE_MMAP", "FORCE_TBB_TERMINATE"))
"""Of OpenVINO itself, and of no device."""
NEVER = frozenset(
    (
        "AVAILABLE_DEVICES",
        "CACHE_DIR",
        "CACHE_ENCRYPTION_CALLBACKS",
        "CACHING_PROPERTIES",
        "COMPATIBILITY_CHECK",
        "COMPILED_BLOB",
        "DEVICE_ARCHITECTURE",
        "DEVICE_GOPS",
        "DEVICE_ID",
        "DEVICE_LUID",
        "DEVICE_PCI_INFO",
        "DEVICE_TYPE",
        "DEVICE_UUID",
        "EXECUTION_DEVICES",
        "FULL_DEVICE_NAME",
        "LOADED_FROM_CACHE",
        "MODEL_PTR",
        "NPU_BACKEND_NAME",
        "NPU_COMPILER_VERSION",
        "NPU_DEVICE_ALLOC_MEM_SIZE",
        "NPU_DEVICE_TOTAL_MEM_SIZE",
        "NPU_DRIVER_VERSION",
        "NPU_MAX_TILES",
        "NPU_PLATFORM",
        "OPTIMAL_NUMBER_OF_INFER_REQUESTS",
        "OPTIMIZATION_CAPABILITIES",
        "RANGE_FOR_ASYNC_INFER_REQUESTS",
        "RANGE_FOR_STREAMS",
        "RUNTIME_REQUIREMENTS",
        "SUPPORTED_PROPERTIES",
        "WEIGHTS_PATH",
    )
)
"""What OpenVINO only tells, and what npuspec sets itself."""


def may_be_set(name: str, *, of_core: bool) -> bool:
    """Tell whether a spec may set a property, as it is or through the escape hatch, of the core or of a device.

    What the tables don't have may be a device's.
    """
    return name in OF_CORE if of_core else name not in OF_CORE | NEVER
