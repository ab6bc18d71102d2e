//! Parsing and completing configurations.

use super::*;

fn parse(json: &Value) -> Result<ModelConfig, String> {
    ModelConfig::parse(&json.to_string()).map_err(|error| error.to_string())
}

fn options(json: &Value) -> Result<Options, String> {
    parse(json).map(|config| config.options)
}

#[test]
fn configuration_from_triton_is_parsed() {
    let config = parse(&json!({
        "name": "vest", "platform": "onnxruntime_onnx", "max_batch_size": 16, "default_model_filename": "net.onnx",
        "input": [{ "name": "x", "data_type": "TYPE_FP32", "dims": [3, -1], "optional": true, "format": "FORMAT_NONE" }],
        "output": [{ "name": "y", "data_type": "TYPE_UINT8", "dims": [1], "reshape": { "shape": [] } }],
        "parameters": { "shopfloor.scale": { "string_value": "255" } },
    }));
    let tensor = |name: &str, dtype, dims: &[i64], optional| TensorConfig {
        name: name.into(),
        dtype,
        dims: dims.into(),
        optional,
    };
    assert_eq!(
        config,
        Ok(ModelConfig {
            name: "vest".into(),
            max_batch_size: 16,
            inputs: vec![tensor("x", DataType::Fp32, &[-1, 3, -1], true)],
            outputs: vec![tensor("y", DataType::Uint8, &[-1], false)],
            file_name: "net.onnx".into(),
            options: Options::default(),
        })
    );
}

#[test]
fn without_batching_dims_have_no_batch_dimension_and_file_name_has_a_default() {
    let config = parse(&json!({ "input": [{ "name": "x", "data_type": "TYPE_BOOL", "dims": [2] }] })).expect("good");
    assert_eq!(config.inputs[0].dims, [2]);
    assert_eq!(config.file_name, "model.onnx");
}

#[test]
fn all_options_are_parsed() {
    let text = |value: &str| json!({ "string_value": value });
    let parsed = options(&json!({
        "parameters": {
            "intra_op_thread_count": text("3"), "inter_op_thread_count": text("0"), "execution_mode": text("1"),
            "enable_mem_arena": text("0"), "enable_mem_pattern": text("1"), "execution_provider": text("OpenVINO"),
        },
        "optimization": {
            "graph": { "level": -1 },
            "execution_accelerators": { "gpu_execution_accelerator": [
                { "name": "tensorrt", "parameters": {
                    "precision_mode": "INT8", "int8_calibration_table_name": "table", "trt_engine_cache_enable": "1",
                } },
            ] },
        },
    }));
    let openvino = Provider {
        kind: ProviderKind::OpenVino,
        options: BTreeMap::new(),
    };
    let options = [
        ("trt_int8_enable", "1"),
        ("trt_int8_calibration_table_name", "table"),
        ("trt_engine_cache_enable", "1"),
    ];
    let tensorrt = Provider {
        kind: ProviderKind::TensorRt,
        options: options
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
    };
    assert_eq!(
        parsed,
        Ok(Options {
            intra_threads: Some(3),
            inter_threads: Some(0),
            parallel: true,
            memory_arena: Some(false),
            memory_pattern: Some(true),
            graph_level: GraphLevel::Basic,
            cpu_providers: vec![openvino.clone()],
            gpu_providers: vec![tensorrt, openvino],
        })
    );
}

#[test]
fn errors_name_the_field_its_value_and_what_is_accepted() {
    let parameter = |key: &str, value: &str| json!({ "parameters": { key: { "string_value": value } } });
    let tensor = |dtype: &str| json!({ "output": [{ "name": "y", "data_type": dtype, "dims": [1] }] });
    for (json, expected) in [
        (
            parameter("intra_op_thread_count", "-1"),
            "intra_op_thread_count is '-1'",
        ),
        (
            parameter("inter_op_thread_count", "70000"),
            "inter_op_thread_count is '70000'",
        ),
        (
            parameter("enable_mem_arena", "true"),
            "enable_mem_arena is 'true'; expected 0 or 1",
        ),
        (
            parameter("execution_provider", "abacus"),
            "'abacus' is unknown; expected one of cpu, cuda",
        ),
        (
            json!({ "optimization": { "graph": { "level": 7 } } }),
            "graph.level is 7",
        ),
        (tensor("TYPE_STRING"), "'y' has the data_type TYPE_STRING"),
        (json!({ "input": 3 }), "cannot read"),
    ] {
        let error = parse(&json).expect_err("an error");
        assert!(error.contains(expected), "no '{expected}' in: {error}");
    }
}

#[test]
fn providers_have_a_short_and_a_long_name() {
    for name in ["cuda", "CUDA", "CUDAExecutionProvider"] {
        assert_eq!(ProviderKind::parse(name), Some(ProviderKind::Cuda), "{name}");
    }
    for (_, kind) in ProviderKind::ALL {
        assert_eq!(ProviderKind::parse(kind.onnx()), Some(kind));
    }
}

#[test]
fn only_missing_inputs_and_outputs_are_completed() {
    let json = json!({ "max_batch_size": 8, "output": [{ "name": "kept" }] }).to_string();
    let tensor = |name: &str, dims: &[i64]| TensorConfig {
        name: name.into(),
        dtype: DataType::Fp32,
        dims: dims.into(),
        optional: false,
    };
    let inputs = [tensor("matrix", &[-1, 3]), tensor("scalar", &[-1])];
    let completed: Value = serde_json::from_str(&complete(&json, Some(&inputs), None)).expect("JSON");
    assert_eq!(
        completed["input"],
        json!([
            { "name": "matrix", "data_type": "TYPE_FP32", "dims": [3] },
            { "name": "scalar", "data_type": "TYPE_FP32", "dims": [1], "reshape": { "shape": [] } },
        ])
    );
    assert_eq!(completed["output"], json!([{ "name": "kept" }]));
}
