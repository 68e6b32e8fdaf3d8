//! The ONNX operators that our models use, and no others. `tract_onnx::onnx()` registers all of ONNX, and then all of
//! it is linked into the Worker; a model with an operator that is missing here fails to load, which a test would see.

use tract_onnx::Onnx;
use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_core::ops::nn::gelu_approximate::gelu_approximate;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::matmul::MatMulInference;
use tract_onnx::tract_hir::ops::{array, math, nn};

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// An ONNX reader that knows Abs, Add, Cast, Div, Gather, Gelu (by tanh), MatMul, Mul, ReduceSum (up to opset 12),
/// Reshape, Softmax, Sqrt, Sub and Transpose.
pub(super) fn reader() -> Onnx {
    let mut register = OnnxOpRegister::default();
    register.insert("Add", |_, _| Ok((math::Add.into_hir(), vec![])));
    register.insert("Mul", |_, _| Ok((math::Mul.into_hir(), vec![])));
    register.insert("Div", |_, _| Ok((math::Div.into_hir(), vec![])));
    register.insert("Sqrt", |_, _| Ok((math::sqrt().into_hir(), vec![])));
    register.insert("Sub", |_, _| Ok((math::Sub.into_hir(), vec![])));
    register.insert("Abs", |_, _| Ok((math::abs().into_hir(), vec![])));
    register.insert("MatMul", |_, _| Ok((expand(MatMulInference::default()), vec![])));
    register.insert("Reshape", |_, _| Ok((expand(array::Reshape::new(false)), vec![])));
    register.insert("Transpose", transpose);
    register.insert("Softmax", softmax);
    register.insert("Gelu", gelu);
    register.insert("Gather", gather);
    register.insert("Cast", to_type);
    register.insert("ReduceSum", reduce_sum);
    Onnx { op_register: register, ..Onnx::default() }
}

fn gather(_: &ParsingContext, node: &NodeProto) -> Built {
    let axis = node.get_attr_opt("axis")?.unwrap_or(0);
    Ok((expand(array::Gather::new(axis)), vec![]))
}

fn transpose(_: &ParsingContext, node: &NodeProto) -> Built {
    let order = node.get_attr_vec::<usize>("perm")?;
    Ok((expand(array::PermuteAxes::new(Some(order.into()))), vec![]))
}

fn softmax(_: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(nn::Softmax::new(node.get_attr_opt("axis")?.unwrap_or(-1))), vec![]))
}

/// ONNX's Gelu, in its approximation by tanh alone.
fn gelu(_: &ParsingContext, node: &NodeProto) -> Built {
    let approximate: Option<String> = node.get_attr_opt("approximate")?;
    ensure!(approximate.as_deref() == Some("tanh"), "only the approximation by tanh is known");
    Ok((gelu_approximate(false).into_hir(), vec![]))
}

fn reduce_sum(_: &ParsingContext, node: &NodeProto) -> Built {
    let axes = node.get_attr_opt_vec("axes")?;
    let keep_dims = node.get_attr_opt("keepdims")?.unwrap_or(1i64) == 1;
    Ok((expand(nn::Reduce::new(axes, keep_dims, nn::Reducer::Sum)), vec![]))
}

fn to_type(_: &ParsingContext, node: &NodeProto) -> Built {
    Ok((expand(ToType { to: node.get_attr("to")? }), vec![]))
}

/// ONNX's Cast between numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ToType {
    to: DatumType,
}

impl Expansion for ToType {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].datum_type, self.to.bex())?;
        solver.equals(&outputs[0].rank, &inputs[0].rank)?;
        solver.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, cast(self.to), inputs)
    }
}
