/** 训练设置的名称与说明，键与 `settings.en.ts` 一致。 */
import type { setting as english } from './settings.en'

export const setting: typeof english = {
  learning_rate: { label: '学习率', hint: '每条样例对模型的改变有多大。过高会遗忘，过低没有变化。' },
  epochs: { label: '轮次', hint: '把全部样例学习几遍。' },
  max_steps: { label: '固定步数', hint: '正好训练这么多步，不再按轮次计算。' },
  batch_size: { label: '批大小', hint: '一次同时计算几条样例，越多越占内存。' },
  gradient_accumulation: { label: '梯度累积', hint: '攒够几批才改变一次模型。' },
  precision: { label: '精度', hint: '计算所用的数字格式。auto 会选择本机最快且可靠的一种。' },
  cutoff_tokens: { label: '样例最大长度', hint: '以词元计。更长的样例会整条略过并写入日志，绝不截断。' },
  thinking: { label: '思考', hint: '能先思考再回答的模型要不要思考，训练与之后的对话保持一致；auto 由模型自己决定。' },
  scheduler: { label: '学习率变化', hint: '学习率在训练后期怎样降低。' },
  warmup_ratio: { label: '预热', hint: '开头多大一部分用来让学习率从零升起。' },
  weight_decay: { label: '权重衰减', hint: '把新权重往零拉，避免死记硬背。' },
  max_grad_norm: { label: '梯度上限', hint: '截去过大的改变，免得个别样例带偏模型。' },
  neftune_noise_alpha: { label: '噪声（NEFTune）', hint: '训练时给词向量加一点噪声，避免死记硬背；常用 5，0 为不加。' },
  lora_rank: { label: 'LoRA 秩', hint: '适配器能学多少。越大越占内存，也需要更多样例。' },
  lora_alpha: { label: 'LoRA alpha', hint: '适配器的影响有多强，通常取秩的两倍。' },
  lora_dropout: { label: 'LoRA dropout', hint: '训练时随机略去一部分，避免死记硬背。' },
  lora_targets: { label: 'LoRA 目标层', hint: '给哪些层加适配器，用逗号分隔；一般用 all-linear 或 mlp。' },
  lora_layer_share: { label: '层的比例', hint: '只给上面的层加适配器；取一半，训练快约四分之一，同样能记住知识。' },
  use_rslora: { label: 'rsLoRA 缩放', hint: 'alpha 除以秩的平方根，让 64 以上的高秩学得更好。' },
  use_dora: { label: 'DoRA 分解', hint: '把权重的方向和大小分开学习；较慢，低秩时有时更好。' },
  loraplus_lr_ratio: { label: 'LoRA+ 倍率', hint: 'LoRA 的两个矩阵之一学得快多少倍；1 为关闭，常用 16，同时把学习率减半。' },
  base_4bit: { label: '4 位基座模型', hint: '内存只需约四分之一，质量略降；需要 NVIDIA 显卡和 bitsandbytes。' },
  gradient_checkpointing: { label: '梯度检查点', hint: '节省内存，时间约多三分之一；适合大模型和长样例。' },
  packing: { label: '打包', hint: '把一批样例放进同一行、互不可见：结果相同而更快。只有个别模型不支持时才关闭。' },
  general_share: { label: '通用知识比例', hint: '混入这么大比例的通用知识样例，减少遗忘；常用 0.1 到 0.2。' },
  seed: { label: '随机种子', hint: '种子和设置相同，结果就相同。' },
  evaluation_interval: { label: '验证间隔', hint: '以步计；0 表示每轮结束时验证。' },
  early_stopping_patience: { label: '提前停止', hint: '连续这么多次验证没有更好就结束训练；0 为不提前停止。需要验证记录。' },
  keep_best: { label: '保留最佳', hint: '保存验证损失最低时的适配器，而不是最后一步的。需要验证记录。' },
}

export const settingValue = { yes: '是', no: '否' }
